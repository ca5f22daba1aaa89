/* build_report.h - what is said at the end of a build. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build.h"
#include "ui/ui.h"

/* What multistage bought: "builder 890 MB -> go-server:latest 12.1 MB, 98.6 % left behind", a line
 * for each stage that is not the result; nothing for one stage.  Of several images: the size of
 * each.
 */
void build_report_sizes(Ui *ui, Arena *a, const BuildResult *result);
/* What rules have found: " 2 warnings found (use --debug to expand):" and a line for each; DEBUG:
 * with their explanations and the lines of the file.  For people alone. */
void build_report_warnings(Ui *ui, Arena *a, const BuildResult *result, bool debug);
/* The failed step's title and the tail of its log, then the error.  After ui_finish(). */
void build_report_failure(Ui *ui, Arena *a, const BuildResult *result, const Err *err);
