/* inspect.h - images and containers as the JSON objects of docker's Engine API. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"
#include "exec/container.h"

NODISCARD Err *inspect_image(Store *s, Arena *a, const Image *image, JsonWriter *w);
NODISCARD Err *inspect_container(Arena *a, const Container *c, JsonWriter *w);
