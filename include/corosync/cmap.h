/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The map of the daemon of this node: configuration and state under names such
 * as totem.token, and a second map of statistics. Link with -lcmap. Rules for
 * handles, threads, callbacks and a lost daemon: corosync/corotypes.h.
 *
 * A key has 3 to 255 characters out of a-z A-Z 0-9 . _ - / : and a value of one
 * type. What a daemon writes itself cannot be changed by clients, and of the
 * statistics only the keys below stats.clear. are written, to reset counters.
 * Nothing of the map is told to other nodes.
 */
#ifndef COROSYNC_CMAP_H_DEFINED
#define COROSYNC_CMAP_H_DEFINED

#include <corosync/corotypes.h>
#include <corosync/hdb.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection. */
typedef uint64_t cmap_handle_t;

/** An iteration; belongs to its connection. */
typedef uint64_t cmap_iter_handle_t;

/** A tracked key or prefix; belongs to its connection. */
typedef uint64_t cmap_track_handle_t;

/* Characters of a key, without the NUL. */
#define CMAP_KEYNAME_MAXLEN 255
#define CMAP_KEYNAME_MINLEN 3

/* Events, and what to track; OR-ed in the latter case. */
#define CMAP_TRACK_ADD 4
#define CMAP_TRACK_DELETE 1
#define CMAP_TRACK_MODIFY 2
/** Track all keys that begin so. It is no event. */
#define CMAP_TRACK_PREFIX 8

/** Type of a value. A string is stored with its NUL, a binary value is any bytes. */
typedef enum {
	CMAP_VALUETYPE_INT8 = 1,
	CMAP_VALUETYPE_UINT8 = 2,
	CMAP_VALUETYPE_INT16 = 3,
	CMAP_VALUETYPE_UINT16 = 4,
	CMAP_VALUETYPE_INT32 = 5,
	CMAP_VALUETYPE_UINT32 = 6,
	CMAP_VALUETYPE_INT64 = 7,
	CMAP_VALUETYPE_UINT64 = 8,
	CMAP_VALUETYPE_FLOAT = 9,
	CMAP_VALUETYPE_DOUBLE = 10,
	CMAP_VALUETYPE_STRING = 11,
	CMAP_VALUETYPE_BINARY = 12,
} cmap_value_types_t;

/** Which map a connection is to. */
typedef enum {
	CMAP_MAP_DEFAULT = 0,
	CMAP_MAP_ICMAP = 0,	/**< configuration and state */
	CMAP_MAP_STATS = 1,	/**< statistics, since 2.99.3 */
} cmap_map_t;

/** A value in a notification. Where there is none: type 0, len 0, and data points to nothing of use. */
struct cmap_notify_value {
	cmap_value_types_t type;
	size_t len;		/**< bytes; of a string with its NUL */
	const void *data;
};

/**
 * A tracked key has changed, possibly by the caller's own doing. Writing the
 * value that a key has already is no change.
 *
 * @param event CMAP_TRACK_ADD, CMAP_TRACK_DELETE or CMAP_TRACK_MODIFY.
 * @param user_data That of cmap_track_add.
 */
typedef void (*cmap_notify_fn_t)(
	cmap_handle_t cmap_handle,
	cmap_track_handle_t cmap_track_handle,
	int32_t event,
	const char *key_name,
	struct cmap_notify_value new_value,
	struct cmap_notify_value old_value,
	void *user_data);

/**
 * Connects to CMAP_MAP_ICMAP.
 *
 * @param handle Takes the new handle.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
extern cs_error_t cmap_initialize(
	cmap_handle_t *handle);

/**
 * Connects to a map of choice. Since 2.99.3.
 *
 * @param handle Takes the new handle.
 * @param map Which map.
 * @retval CS_ERR_NOT_EXIST There is no such map.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
extern cs_error_t cmap_initialize_map(
	cmap_handle_t *handle,
	cmap_map_t map);

/**
 * Closes the connection, with its iterations and what it tracks.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
extern cs_error_t cmap_finalize(
	cmap_handle_t handle);

/**
 * Tells the descriptor to poll for reading; it is readable as long as events are
 * queued. The library owns it: do not read, write or close it.
 *
 * @param fd Takes the descriptor.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
extern cs_error_t cmap_fd_get(
	cmap_handle_t handle,
	int *fd);

/**
 * Makes the callbacks for queued events.
 *
 * @param dispatch_types How many, and whether to wait (cs_dispatch_flags_t).
 * @retval CS_ERR_TRY_AGAIN With CS_DISPATCH_ONE_NONBLOCKING: nothing is queued.
 * @retval CS_ERR_BAD_HANDLE There is no such handle, or a callback has finalized it.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_dispatch(
	cmap_handle_t handle,
	cs_dispatch_flags_t dispatch_types);

/**
 * Gives back the pointer that cmap_context_set has stored.
 *
 * @param context Takes the pointer; NULL if none was stored.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
extern cs_error_t cmap_context_get(
	cmap_handle_t handle,
	const void **context);

/**
 * Stores a pointer of the caller's with the handle; the library does not follow it.
 *
 * @param context The pointer, or NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
extern cs_error_t cmap_context_set(
	cmap_handle_t handle,
	const void *context);

/**
 * Stores a value; a key that exists gets the new value and type.
 *
 * @param key_name The key.
 * @param value The value, in the byte order of this machine.
 * @param value_len Its length in bytes: the size of a number's type; of a string
 *   with or without its NUL.
 * @param type Its type.
 * @retval CS_ERR_INVALID_PARAM A pointer is NULL, there is no such type, or
 *   value_len does not fit it.
 * @retval CS_ERR_NAME_TOO_LONG A new key is too short or too long, or has a
 *   character that is not allowed.
 * @retval CS_ERR_ACCESS The key cannot be written by clients.
 * @retval CS_ERR_NOT_SUPPORTED Of the statistics: there is no such counter to reset.
 * @retval CS_ERR_TOO_BIG The value does not fit a request.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_set(
	cmap_handle_t handle,
	const char *key_name,
	const void *value,
	size_t value_len,
	cmap_value_types_t type);

/* cmap_set for one type each, with the same errors. */
extern cs_error_t cmap_set_int8(cmap_handle_t handle, const char *key_name, int8_t value);
extern cs_error_t cmap_set_uint8(cmap_handle_t handle, const char *key_name, uint8_t value);
extern cs_error_t cmap_set_int16(cmap_handle_t handle, const char *key_name, int16_t value);
extern cs_error_t cmap_set_uint16(cmap_handle_t handle, const char *key_name, uint16_t value);
extern cs_error_t cmap_set_int32(cmap_handle_t handle, const char *key_name, int32_t value);
extern cs_error_t cmap_set_uint32(cmap_handle_t handle, const char *key_name, uint32_t value);
extern cs_error_t cmap_set_int64(cmap_handle_t handle, const char *key_name, int64_t value);
extern cs_error_t cmap_set_uint64(cmap_handle_t handle, const char *key_name, uint64_t value);
extern cs_error_t cmap_set_float(cmap_handle_t handle, const char *key_name, float value);
extern cs_error_t cmap_set_double(cmap_handle_t handle, const char *key_name, double value);
extern cs_error_t cmap_set_string(cmap_handle_t handle, const char *key_name, const char *value);

/**
 * Deletes a key.
 *
 * @param key_name The key.
 * @retval CS_ERR_NOT_EXIST There is no such key.
 * @retval CS_ERR_ACCESS It cannot be deleted by clients.
 * @retval CS_ERR_INVALID_PARAM key_name is NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_delete(cmap_handle_t handle, const char *key_name);

/**
 * Reads a value, or only its length and type.
 *
 * @param key_name The key.
 * @param value Takes the value; NULL if only length and type are wanted.
 * @param value_len Before: room in value, in bytes. After: length of the value.
 *   It may be NULL if value is.
 * @param type Takes the type; may be NULL.
 * @retval CS_ERR_NOT_EXIST There is no such key.
 * @retval CS_ERR_INVALID_PARAM key_name is NULL, the room is too small, or value
 *   is there without value_len.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_get(
	cmap_handle_t handle,
	const char *key_name,
	void *value,
	size_t *value_len,
	cmap_value_types_t *type);

/*
 * cmap_get for one type each. A key of any other type, a number of another size
 * too, gives CS_ERR_INVALID_PARAM.
 */
extern cs_error_t cmap_get_int8(cmap_handle_t handle, const char *key_name, int8_t *i8);
extern cs_error_t cmap_get_uint8(cmap_handle_t handle, const char *key_name, uint8_t *u8);
extern cs_error_t cmap_get_int16(cmap_handle_t handle, const char *key_name, int16_t *i16);
extern cs_error_t cmap_get_uint16(cmap_handle_t handle, const char *key_name, uint16_t *u16);
extern cs_error_t cmap_get_int32(cmap_handle_t handle, const char *key_name, int32_t *i32);
extern cs_error_t cmap_get_uint32(cmap_handle_t handle, const char *key_name, uint32_t *u32);
extern cs_error_t cmap_get_int64(cmap_handle_t handle, const char *key_name, int64_t *i64);
extern cs_error_t cmap_get_uint64(cmap_handle_t handle, const char *key_name, uint64_t *u64);
extern cs_error_t cmap_get_float(cmap_handle_t handle, const char *key_name, float *flt);
extern cs_error_t cmap_get_double(cmap_handle_t handle, const char *key_name, double *dbl);

/**
 * Reads a string of any length.
 *
 * @param key_name The key.
 * @param str Takes a copy, which the caller frees with free().
 * @retval CS_ERR_NOT_EXIST There is no such key.
 * @retval CS_ERR_INVALID_PARAM It is no string, or key_name is NULL.
 * @retval CS_ERR_NO_MEMORY There is no memory for the copy.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_get_string(cmap_handle_t handle, const char *key_name, char **str);

/**
 * Adds one to an integer, in one step; the largest value is followed by the
 * smallest of the type.
 *
 * @param key_name The key.
 * @retval CS_ERR_NOT_EXIST There is no such key.
 * @retval CS_ERR_INVALID_PARAM It is no integer, or key_name is NULL.
 * @retval CS_ERR_ACCESS It cannot be written by clients.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_inc(cmap_handle_t handle, const char *key_name);

/**
 * Takes one from an integer, in one step; the smallest value is followed by the
 * largest of the type.
 *
 * @param key_name The key.
 * @retval CS_ERR_NOT_EXIST There is no such key.
 * @retval CS_ERR_INVALID_PARAM It is no integer, or key_name is NULL.
 * @retval CS_ERR_ACCESS It cannot be written by clients.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_dec(cmap_handle_t handle, const char *key_name);

/**
 * Begins an iteration in the order of bytes. Keys that come and go meanwhile may
 * or may not show.
 *
 * @param prefix What the keys begin with; NULL for all keys.
 * @param cmap_iter_handle Takes the handle of the iteration.
 * @retval CS_ERR_INVALID_PARAM cmap_iter_handle is NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_iter_init(cmap_handle_t handle, const char *prefix, cmap_iter_handle_t *cmap_iter_handle);

/**
 * Takes the next step.
 *
 * @param iter_handle The iteration.
 * @param key_name Takes the key; it has room for CMAP_KEYNAME_MAXLEN + 1 bytes.
 * @param value_len Takes the length of the value in bytes; may be NULL.
 * @param type Takes its type; may be NULL.
 * @retval CS_ERR_NO_SECTIONS That was all.
 * @retval CS_ERR_INVALID_PARAM key_name is NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such connection, or no such iteration.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_iter_next(
	cmap_handle_t handle,
	cmap_iter_handle_t iter_handle,
	char key_name[],
	size_t *value_len,
	cmap_value_types_t *type);

/**
 * Ends an iteration.
 *
 * @param iter_handle The iteration.
 * @retval CS_ERR_BAD_HANDLE There is no such connection, or no such iteration.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_iter_finalize(cmap_handle_t handle, cmap_iter_handle_t iter_handle);

/**
 * Tracks a key, which need not exist, or all keys that begin alike.
 *
 * @param key_name The key or prefix. NULL with CMAP_TRACK_PREFIX is every key.
 * @param track_type CMAP_TRACK_ADD, CMAP_TRACK_DELETE and CMAP_TRACK_MODIFY,
 *   OR-ed, and CMAP_TRACK_PREFIX.
 * @param notify_fn Called by cmap_dispatch at each change.
 * @param user_data Given to it.
 * @param cmap_track_handle Takes a handle for cmap_track_delete.
 * @retval CS_ERR_INVALID_PARAM notify_fn or cmap_track_handle is NULL, key_name
 *   is NULL without CMAP_TRACK_PREFIX, or track_type has other bits.
 * @retval CS_ERR_NOT_SUPPORTED Of the statistics: a prefix can be tracked for
 *   keys that come and go only.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_track_add(
	cmap_handle_t handle,
	const char *key_name,
	int32_t track_type,
	cmap_notify_fn_t notify_fn,
	void *user_data,
	cmap_track_handle_t *cmap_track_handle);

/**
 * Ends tracking. Events that are queued already are dropped.
 *
 * @param track_handle What to track no more.
 * @retval CS_ERR_BAD_HANDLE There is no such connection, or it tracks no such thing.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
extern cs_error_t cmap_track_delete(cmap_handle_t handle, cmap_track_handle_t track_handle);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_CMAP_H_DEFINED */
