/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A handle database: a table of reference-counted objects that are named by
 * 64-bit handles. It is libqb's, under other names; a program that uses it links
 * with -lqb. The client libraries need nothing of it, and it is here for
 * programs that have always found it here.
 *
 * An object lives while its count is above zero. hdb_handle_create gives it a
 * count of one, hdb_handle_get adds one, hdb_handle_put takes one away, and
 * hdb_handle_destroy marks it as going and takes the first one away. The
 * functions with a result give 0, or a negative errno value (-EBADF for a handle
 * that does not exist); hdb_error_to_cs of corosync/corotypes.h translates it.
 * Several threads may use one database; one thread at a time iterates over it.
 */
#ifndef HDB_H_DEFINED
#define HDB_H_DEFINED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <stdint.h>
#include <inttypes.h>
#include <qb/qbhdb.h>

typedef qb_handle_t hdb_handle_t;

/* printf formats of a handle, decimal and hexadecimal. */
#define HDB_D_FORMAT QB_HDB_D_FORMAT
#define HDB_X_FORMAT QB_HDB_X_FORMAT

/* struct hdb_handle_database is the type of a database. */
#define hdb_handle_database qb_hdb

/* DECLARE_HDB_DATABASE(name, destructor) defines one at file scope. */
#define DECLARE_HDB_DATABASE QB_HDB_DECLARE

static inline void hdb_database_lock(pthread_mutex_t *mutex)
{
	pthread_mutex_lock(mutex);
}

static inline void hdb_database_unlock(pthread_mutex_t *mutex)
{
	pthread_mutex_unlock(mutex);
}

static inline void hdb_database_lock_init(pthread_mutex_t *mutex)
{
	pthread_mutex_init(mutex, NULL);
}

static inline void hdb_database_lock_destroy(pthread_mutex_t *mutex)
{
	pthread_mutex_destroy(mutex);
}

/** Makes a database that was not declared with DECLARE_HDB_DATABASE usable. */
static inline void hdb_create(struct hdb_handle_database *handle_database)
{
	qb_hdb_create(handle_database);
}

/** Frees the table; objects in it are not destroyed. */
static inline void hdb_destroy(struct hdb_handle_database *handle_database)
{
	qb_hdb_destroy(handle_database);
}

/** Allocates a zeroed object of instance_size bytes, and names it. */
static inline int hdb_handle_create(struct hdb_handle_database *handle_database,
				    int instance_size, hdb_handle_t *handle_id_out)
{
	return qb_hdb_handle_create(handle_database, instance_size, handle_id_out);
}

/** Finds an object and takes a reference. */
static inline int hdb_handle_get(struct hdb_handle_database *handle_database,
				 hdb_handle_t handle_in, void **instance)
{
	return qb_hdb_handle_get(handle_database, handle_in, instance);
}

/** hdb_handle_get that also finds an object that is going. */
static inline int hdb_handle_get_always(struct hdb_handle_database *handle_database,
					hdb_handle_t handle_in, void **instance)
{
	return qb_hdb_handle_get_always(handle_database, handle_in, instance);
}

/** Gives a reference back; the last one destroys the object. */
static inline int hdb_handle_put(struct hdb_handle_database *handle_database,
				 hdb_handle_t handle_in)
{
	return qb_hdb_handle_put(handle_database, handle_in);
}

/** Makes the handle invalid; the object goes with its last reference. */
static inline int hdb_handle_destroy(struct hdb_handle_database *handle_database,
				     hdb_handle_t handle_in)
{
	return qb_hdb_handle_destroy(handle_database, handle_in);
}

/** Tells the number of references, for tests. */
static inline int hdb_handle_refcount_get(struct hdb_handle_database *handle_database,
					  hdb_handle_t handle_in)
{
	return qb_hdb_handle_refcount_get(handle_database, handle_in);
}

/** Begins an iteration over all objects. */
static inline void hdb_iterator_reset(struct hdb_handle_database *handle_database)
{
	qb_hdb_iterator_reset(handle_database);
}

/** Takes a reference to the next object; not 0 at the end. */
static inline int hdb_iterator_next(struct hdb_handle_database *handle_database,
				    void **instance, hdb_handle_t *handle)
{
	return qb_hdb_iterator_next(handle_database, instance, handle);
}

/** The lower half of a handle: its place in the table. */
static inline unsigned int hdb_base_convert(hdb_handle_t handle)
{
	return qb_hdb_base_convert(handle);
}

/** A handle of a place in the table that is taken without the check. */
static inline unsigned long long hdb_nocheck_convert(unsigned int handle)
{
	return qb_hdb_nocheck_convert(handle);
}

#endif /* HDB_H_DEFINED */
