/* journal.h - what of a build is fit to be written down. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"

/* One word of a command line: values of names that sound like secrets are "***", as is user and
 * password of a URL. */
Str journal_word(Arena *a, Str word);
/* TEXT without VALUE. */
Str journal_hide(Arena *a, Str text, Str value);
/* Is the value of "NAME=VALUE" hidden? */
bool journal_is_hidden(Str assignment);
/* Is "NAME=VALUE" one whose value is not to be shown? */
bool journal_is_secret(Str assignment);
