/*
 * sam programs. sam_register forks: the parent stays in it and ends with the
 * status of the child, and everything after it is said by the child.
 */
#define NO_HANDLES
#include "api.h"
#include <corosync/sam.h>

static UNUSED unsigned int instance;

/* everything calls each function in a state in which none may work; where pointers are needed they are good. */
static UNUSED void everything(void)
{
	char buf[8];
	size_t n = 77;

	R(sam_register(NULL));
	R(sam_start());
	R(sam_stop());
	R(sam_hc_send());
	R(sam_hc_callback_register(NULL));
	R(sam_warn_signal_set(SIGUSR1));
	R(sam_data_getsize(&n));
	R(sam_data_store("data", 4));
	R(sam_data_restore(buf, sizeof buf));
	R(sam_mark_failed());
}

/* in_child runs a function in a process of its own and says how it ended. */
static UNUSED void in_child(const char *name, void (*f)(void))
{
	pid_t pid;
	int status = 0;

	printf("-- %s\n", name);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		f();
		exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("ended by signal %d\n", WTERMSIG(status));
	else
		printf("ended with %d\n", WEXITSTATUS(status));
}
#define IN_CHILD(f) in_child(#f, f)

static UNUSED void on_signal(int sig)
{
	static const char text[] = "  the warning has come\n";

	(void)sig;
	if (write(1, text, sizeof text - 1) < 0)
		_exit(9);
}
