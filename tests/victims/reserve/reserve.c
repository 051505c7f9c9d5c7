/* To be preloaded: takes the addresses that $RESERVE names ("c000000000-c004000000 …") before the program begins, so that
 * what would have been there goes elsewhere. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((constructor)) static void reserve(void)
{
	const char *at = getenv("RESERVE");
	unsigned long from, to;
	for (int n; at && sscanf(at, "%lx-%lx%n", &from, &to, &n) == 2; at += n)
		if (mmap((void *)from, to - from, PROT_NONE,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED) {
			perror("reserve");
			_exit(1);
		}
}
