/* test_codec.c - runs all groups of this module. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/test/tests.h"

int main(void)
{
	int failed = 0;
	failed += test_compress_run();
	failed += test_digest_run();
	failed += test_json_run();
	failed += test_tar_run();
	failed += test_template_run();
	return failed ? 1 : 0;
}
