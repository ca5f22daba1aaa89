/* main.c - argv to command. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("decant version %s\n", DECANT_VERSION);
	return 0;
}
