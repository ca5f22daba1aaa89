/* mode.c - permissions in words, as chmod(1) takes them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/mode.h"

enum {
	USER = 04700,
	GROUP = 02070,
	OTHER = 00007,
	STICKY = 01000,
	SET_IDS = 06000,
	READ = 0444,
	WRITE = 0222,
	EXECUTE = 0111,
};

/* One application of a list of changes. */
typedef struct Change {
	Str left; /* text still to be read */
	uint32_t before, mode;
	bool is_dir;
	uint32_t who; /* bits that the clause is about; 0: it names nobody */
} Change;

static char peek(const Change *c)
{
	return c->left.len ? c->left.ptr[0] : '\0';
}

static char take(Change *c)
{
	char now = peek(c);
	c->left = str_from_at(c->left, 1);
	return now;
}

static void read_who(Change *c)
{
	c->who = 0;
	for (;; (void)take(c))
		switch (peek(c)) {
		case 'u':
			c->who |= USER;
			break;
		case 'g':
			c->who |= GROUP;
			break;
		case 'o':
			c->who |= OTHER;
			break;
		case 'a':
			c->who |= USER | GROUP | OTHER;
			break;
		default:
			return;
		}
}

static void put(Change *c, char op, uint32_t bits)
{
	c->mode = op == '-' ? c->mode & ~bits : c->mode | bits;
}

/* "g=u": the three bits of the class FROM for each class that the clause is about. */
static void copy_class(Change *c, char op, char from)
{
	uint32_t bits = c->mode >> (from == 'u' ? 6 : from == 'g' ? 3 : 0) & 7;
	uint32_t classes = (c->who ? c->who : 0777) & 0777;
	if (op == '=')
		c->mode &= ~classes;
	put(c, op, bits * 0111 & classes);
}

/* Are the set-ID and sticky bits any business of the clause?  Not if it names others alone. */
static bool is_special(const Change *c)
{
	return !c->who || (c->who & (USER | GROUP));
}

/* One letter of permissions as bits of all classes; false: it is none. */
static bool permission_bits(const Change *c, char op, char letter, uint32_t *bits)
{
	switch (letter) {
	case 'r':
		*bits |= READ;
		return true;
	case 'w':
		*bits |= WRITE;
		return true;
	case 'x':
		*bits |= EXECUTE;
		return true;
	case 'X':
		if (op == '-' || c->is_dir || (c->before & EXECUTE))
			*bits |= EXECUTE;
		return true;
	case 's':
		*bits |= is_special(c) ? SET_IDS : 0;
		return true;
	case 't':
		*bits |= is_special(c) ? STICKY : 0;
		return true;
	default:
		return false;
	}
}

/* One operator with what follows it. */
static bool apply_operator(Change *c)
{
	char op = take(c);
	uint32_t bits = 0, named = c->who ? c->who : USER | GROUP | OTHER;
	bool copied = false;
	if (op != '+' && op != '-' && op != '=')
		return false;
	for (;; (void)take(c)) {
		char letter = peek(c);
		if (letter == 'u' || letter == 'g' || letter == 'o') {
			copy_class(c, op, letter);
			copied = true;
		} else if (!permission_bits(c, op, letter, &bits)) {
			break;
		}
	}
	named |= bits & STICKY;
	if (op == '=' && !copied)
		c->mode &= ~named;
	put(c, op, bits & named);
	return true;
}

bool mode_change(Str changes, bool is_dir, uint32_t *mode)
{
	Change c = { .left = changes, .before = *mode, .mode = *mode, .is_dir = is_dir };
	do {
		read_who(&c);
		do {
			if (!apply_operator(&c))
				return false;
		} while (c.left.len && peek(&c) != ',');
	} while (take(&c) == ',');
	*mode = c.mode & 07777;
	return true;
}
