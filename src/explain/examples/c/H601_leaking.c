#include <stdlib.h>
#include <string.h>

void use(const char *text);
int greet(const char *name);

/* explain:begin */
int greet(const char *name)
{
	char *text = malloc(1000);
	if (!text)
		return -1;
	strncpy(text, name, 999);
	text[999] = 0;
	use(text);
	return 0; /* and free(text)? */
}
/* explain:end */
