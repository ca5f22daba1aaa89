/* test_codec.c - runs all groups of this module. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/test/tests.h"

int main(void)
{
	return test_digest_run() + test_json_run() + test_tar_run() + test_template_run() ? 1 : 0;
}
