/*
 * The small web pages we put where a site has none of its own yet: one
 * heading, one sentence. Texts are escaped (HTML, text content only); what
 * cannot stand in a page, control characters and bytes that are no UTF-8, is
 * written as U+FFFD.
 */
#ifndef RENDERERS_PAGE_H
#define RENDERERS_PAGE_H

/* The page as text on CTX. */
const char *page_make(const void *ctx, const char *heading, const char *sentence);

#endif
