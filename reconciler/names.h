/*
 * Host names that nginx knows from two server blocks.
 *
 * nginx uses the one that it reads first and only warns of the other: a site
 * whose name an administrator's own block has too may be right in every file
 * and never be served. A warning does not say whose block is ignored (blocks
 * in sites-enabled are read after ours, some in conf.d before), so where one
 * stands the running nginx is asked who answers. If it is not ours, the domain
 * is Failed (NameTaken); its site goes live all the same, and answers as soon
 * as the other block is gone.
 *
 * Nothing is remembered: warnings come with every check of a changed site, and
 * a full pass, or one that visits a domain with such a condition, has nginx
 * check what is live.
 */
#ifndef RECONCILER_NAMES_H
#define RECONCILER_NAMES_H

#include "reconciler/plan.h"

/* Takes the names out of what nginx's check said. */
void names_note(struct plan *p, const char *output);
/* Has nginx check what is live, where that has to be looked at. */
void names_look(struct plan *p);
/* When everything is activated: a finding for each domain that another block answers for. */
void names_tell(struct plan *p);

#endif
