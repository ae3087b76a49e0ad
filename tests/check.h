/* What every test file includes: cmocka with what it needs before it, and comparing slices.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "guard.h"

/* assert_slice(got, want): fails with both texts in view. Variadic, since a compound literal may have commas. */
#define assert_slice(...) check_slice(__FILE__, __LINE__, __VA_ARGS__)

void check_slice(const char *file, int line, slice got, slice want);

#endif
