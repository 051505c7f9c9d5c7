/* A C program that loads a library made by Go and calls the function of it that is named, as "ARGV0 LIBRARY FUNCTION": on
 * its main thread, which is one that Go did not make. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s LIBRARY FUNCTION\n", argv[0]);
		return 2;
	}
	void *library = dlopen(argv[1], RTLD_NOW);
	void *function = library ? dlsym(library, argv[2]) : NULL;
	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	((void (*)(void))function)();
	return 0;
}
