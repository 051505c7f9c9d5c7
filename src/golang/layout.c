#include "golang/layout.h"

#include <stddef.h>

const struct hb_go_layout *hb_go_layout(unsigned minor)
{
	for (unsigned i = 0; i < hb_go_nlayouts; i++) {
		if (hb_go_layouts[i].minor == minor)
			return &hb_go_layouts[i];
	}
	return NULL;
}

/* The generator writes the tables by minor. */
unsigned hb_go_oldest_minor(void)
{
	return hb_go_layouts[0].minor;
}

unsigned hb_go_newest_minor(void)
{
	return hb_go_layouts[hb_go_nlayouts - 1].minor;
}
