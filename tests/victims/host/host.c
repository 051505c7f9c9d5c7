/* A C program whose main thread, which Go did not make, runs a function of a library made by Go: with LINKED the one of that
 * name that it is linked with, else one that it loads ("host LIBRARY FUNCTION"). */
#include <dlfcn.h>
#include <stdio.h>

#ifdef LINKED
void LINKED(void);

int main(void)
{
	LINKED();
}
#else
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
#endif
