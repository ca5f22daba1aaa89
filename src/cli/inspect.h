/* inspect.h - images and containers as the JSON objects of docker's Engine API. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"
#include "codec/template.h"
#include "exec/container.h"

/* docker's name for layers that are stacked by overlayfs: there is no other way here. */
#define CLI_STORAGE_DRIVER "overlay2"

/* Of both. */
extern const TemplateShape inspect_shape;
NODISCARD Err *inspect_image(Store *s, Arena *a, const Image *image, JsonWriter *w);
/* SIZE: with how much it takes; after sandbox_enter. */
NODISCARD Err *inspect_container(Store *s, Arena *a, const Container *c, bool size, JsonWriter *w);
/* The member "Config" with docker's null for what C has not.  MORE: "key":value,... to be in it as
 * well, or "". */
NODISCARD Err *inspect_config(const ImageConfig *c, Str more, JsonWriter *w);
