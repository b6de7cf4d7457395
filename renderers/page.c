#include "renderers/page.h"

#include <string.h>

#include "base/buf.h"
#include "model/check.h"

static const char *entity(uint32_t cp)
{
	switch (cp) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ? "\xef\xbf\xbd" : NULL;
	}
}

static void put_text(struct buf *b, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		uint32_t cp = 0;
		size_t n = utf8_next(text, len, &cp);
		const char *instead = n > 0 ? entity(cp) : "\xef\xbf\xbd";

		n = n > 0 ? n : 1;
		if (instead)
			buf_puts(b, instead);
		else
			buf_put(b, text, n);
		text += n;
		len -= n;
	}
}

const char *page_make(const void *ctx, const char *heading, const char *sentence)
{
	struct buf b = BUF_ON(ctx);

	buf_puts(&b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
	put_text(&b, heading);
	buf_puts(&b, "</title>\n<style>body { font-family: sans-serif; margin: 20vh auto; "
		     "max-width: 40em; text-align: center }</style>\n</head>\n<body>\n<h1>");
	put_text(&b, heading);
	buf_puts(&b, "</h1>\n<p>");
	put_text(&b, sentence);
	buf_puts(&b, "</p>\n</body>\n</html>\n");
	return buf_str(&b);
}
