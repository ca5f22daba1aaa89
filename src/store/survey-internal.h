/* survey-internal.h - between the walk of a survey and what reads the files met. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/survey.h"

/* What the file NAME in DIR_FD says of thing N: of names, records and containers. */
NODISCARD Err *store_survey_read(StoreSurvey *v, const Cancel *cancel, int dir_fd, const char *name,
                                 uint32_t n);
/* After the walk: which things name which. */
NODISCARD Err *store_survey_link(StoreSurvey *v, const Cancel *cancel);
