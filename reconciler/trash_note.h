/*
 * What lies in the trash says itself what it is: beside ENTRY stands
 * ENTRY.novacpx (root's, 0600, no secrets) with account, number, revision,
 * time and where it came from. The rows of engine.db, which can be lost, are
 * made anew from these notes; which folders there are stands in
 * /var/lib/novacpx/engine/trash.folders.
 *
 * A note is believed only in a folder that is root's alone, as root's own file,
 * and where its words lead to the very entry beside it.
 */
#ifndef RECONCILER_TRASH_NOTE_H
#define RECONCILER_TRASH_NOTE_H

#include "reconciler/trash.h"

#define TRASH_FOLDER  "/.novacpx-trash"
#define TRASH_FOLDERS ENGINE_DIR "/trash.folders"

/* Where data from ORIGIN that went at revision REV lies in the trash of the folder BASE above it. */
const char *trash_place(const void *ctx, const char *base, const char *origin, int64_t rev);
/* Its row's name. */
const char *trash_name(const void *ctx, const char *account, int64_t rev, const char *origin);
/* Writes T's note; before its data moves. */
int trash_note_put(struct engine *e, const struct trash_entry *t, struct err *err) must_check;
/* Removes the note of the entry at PATH; after its data is gone. */
int trash_note_drop(struct engine *e, const char *path, struct err *err) must_check;
/* T's row in engine.db; one of its name is replaced or stays. */
int trash_row_put(struct engine *e, const struct trash_entry *t, bool replaces,
		  struct err *err) must_check;
/* Adds the rows that lack. */
int trash_note_rows(struct engine *e, struct err *err) must_check;

#endif
