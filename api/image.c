#include "api/image.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What is left of a file. Reading beyond its end gives 0 and sets `is_short`. */
struct bytes {
	const uint8_t *at;
	size_t left;
	bool is_short;
};

static const uint8_t *take(struct bytes *b, size_t n)
{
	const uint8_t *at = b->at;

	if (n > b->left) {
		b->is_short = true;
		b->left = 0;
		return NULL;
	}
	b->at += n;
	b->left -= n;
	return at;
}

static uint32_t take_number(struct bytes *b, size_t n, bool is_big)
{
	const uint8_t *at = take(b, n);
	uint32_t number = 0;

	for (size_t i = 0; i < n && at; i++)
		number |= (uint32_t)at[i] << 8 * (is_big ? n - 1 - i : i);
	return number;
}

static uint32_t take_big(struct bytes *b, size_t n)
{
	return take_number(b, n, true);
}

static uint32_t take_little(struct bytes *b, size_t n)
{
	return take_number(b, n, false);
}

/* The larger one counts: of several that a file names, a decoder may use any. */
static void add_size(struct image *i, uint32_t width, uint32_t height)
{
	i->width = MAX(i->width, width);
	i->height = MAX(i->height, height);
}

/* The walks: true when the frame ended where the file ends; what is left of B tells otherwise. */

static bool walk_png(struct bytes *b, struct image *i)
{
	bool is_first = true;

	(void)take(b, 8);
	while (!b->is_short) {
		uint32_t len = take_big(b, 4);
		const uint8_t *type = take(b, 4);
		struct bytes head = *b;
		bool is_head = type && memcmp(type, "IHDR", 4) == 0;

		if (is_head != is_first || (is_head && len != 13))
			return false;
		if (is_head) {
			uint32_t width = take_big(&head, 4);

			add_size(i, width, take_big(&head, 4));
		}
		(void)take(b, len);
		(void)take(b, 4); /* its check sum */
		if (type && memcmp(type, "IEND", 4) == 0)
			return !b->is_short;
		is_first = false;
	}
	return false;
}

/* Over the coded image to the next marker, which stays. */
static void skip_scan(struct bytes *b)
{
	while (b->left >= 2) {
		bool is_marker = b->at[0] == 0xff && b->at[1] != 0 && b->at[1] != 0xff &&
				 (b->at[1] < 0xd0 || b->at[1] > 0xd7);

		if (is_marker)
			return;
		(void)take(b, 1);
	}
}

static bool is_frame(uint32_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
	       marker != 0xcc;
}

static bool walk_jpeg(struct bytes *b, struct image *i)
{
	(void)take(b, 2);
	while (take_big(b, 1) == 0xff && !b->is_short) {
		uint32_t marker = take_big(b, 1);
		struct bytes segment = *b;
		uint32_t len;

		if (marker == 0xff) {
			b->at--; /* filling */
			b->left++;
			continue;
		}
		if (marker == 0xd9)
			return !b->is_short;
		len = take_big(&segment, 2);
		if (len < 2)
			return false;
		if (is_frame(marker)) {
			uint32_t height;

			(void)take(&segment, 1);
			height = take_big(&segment, 2);
			add_size(i, take_big(&segment, 2), height);
		}
		(void)take(b, len);
		if (marker == 0xda)
			skip_scan(b);
	}
	return false;
}

static void skip_blocks(struct bytes *b)
{
	uint32_t len;

	do {
		len = take_little(b, 1);
		(void)take(b, len);
	} while (len && !b->is_short);
}

static void skip_colors(struct bytes *b, uint32_t flags)
{
	if (flags & 0x80)
		(void)take(b, (size_t)3 << ((flags & 7) + 1));
}

static void take_gif_size(struct bytes *b, struct image *i)
{
	uint32_t width = take_little(b, 2);

	add_size(i, width, take_little(b, 2));
}

static bool walk_gif(struct bytes *b, struct image *i)
{
	uint32_t flags;

	(void)take(b, 6);
	take_gif_size(b, i);
	flags = take_little(b, 1);
	(void)take(b, 2);
	skip_colors(b, flags);
	while (!b->is_short) {
		switch (take_little(b, 1)) {
		case 0x3b: return !b->is_short;
		case 0x21: (void)take(b, 1); break;
		case 0x2c:
			(void)take(b, 4);
			take_gif_size(b, i);
			skip_colors(b, take_little(b, 1));
			(void)take(b, 1);
			break;
		default: return false;
		}
		skip_blocks(b);
	}
	return false;
}

/* Of one chunk; false when it should have a size and has none. */
static bool webp_size(const char *name, struct bytes chunk, struct image *i)
{
	uint32_t width, bits;

	if (memcmp(name, "VP8X", 4) == 0) {
		(void)take(&chunk, 4);
		width = take_little(&chunk, 3) + 1;
		add_size(i, width, take_little(&chunk, 3) + 1);
	} else if (memcmp(name, "VP8L", 4) == 0) {
		if (take_little(&chunk, 1) != 0x2f)
			return false;
		bits = take_little(&chunk, 4);
		add_size(i, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
	} else if (memcmp(name, "VP8 ", 4) == 0) {
		bool is_key = !(take_little(&chunk, 3) & 1);

		if (!is_key || take_big(&chunk, 3) != 0x9d012a)
			return false;
		width = take_little(&chunk, 2) & 0x3fff;
		add_size(i, width, take_little(&chunk, 2) & 0x3fff);
	}
	return !chunk.is_short;
}

static bool is_picture(const char *name)
{
	return memcmp(name, "VP8 ", 4) == 0 || memcmp(name, "VP8L", 4) == 0 ||
	       memcmp(name, "ANMF", 4) == 0;
}

static bool walk_webp(struct bytes *b, struct image *i)
{
	bool has_picture = false;
	size_t size, behind;

	(void)take(b, 4);
	size = take_little(b, 4);
	if (size > b->left) {
		b->is_short = true;
		return false;
	}
	behind = b->left - size;
	b->left = size;
	(void)take(b, 4);
	while (b->left) {
		const char *name = (const char *)take(b, 4);
		uint32_t len = take_little(b, 4);
		struct bytes chunk = { b->at, MIN(b->left, len), false };

		(void)take(b, len);
		(void)take(b, len & 1);
		if (b->is_short || !webp_size(name, chunk, i))
			return false;
		has_picture |= is_picture(name);
	}
	b->left = behind;
	return has_picture && !b->is_short;
}

static const struct format {
	const char *name;
	struct image image;
	bool (*walk)(struct bytes *b, struct image *i);
	const char *begin;
	size_t begin_len;
	const char *at_8; /* or NULL */
} formats[] = {
	{ "PNG", { "image/png", "png", 0, 0 }, walk_png, "\x89PNG\r\n\x1a\n", 8, NULL },
	{ "JPEG", { "image/jpeg", "jpg", 0, 0 }, walk_jpeg, "\xff\xd8\xff", 3, NULL },
	{ "GIF", { "image/gif", "gif", 0, 0 }, walk_gif, "GIF87a", 6, NULL },
	{ "GIF", { "image/gif", "gif", 0, 0 }, walk_gif, "GIF89a", 6, NULL },
	{ "WebP", { "image/webp", "webp", 0, 0 }, walk_webp, "RIFF", 4, "WEBP" },
};

static const struct format *find_format(const char *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		const struct format *f = &formats[i];

		if (len >= f->begin_len && memcmp(data, f->begin, f->begin_len) == 0 &&
		    (!f->at_8 || (len >= 12 && memcmp(data + 8, f->at_8, 4) == 0)))
			return f;
	}
	return NULL;
}

static int read_bitmap(const struct format *f, const void *data, size_t len, struct image *ret,
		       struct err *err)
{
	struct bytes b = { data, len, false };
	struct image i = f->image;
	bool is_whole = f->walk(&b, &i);

	if (b.is_short)
		return err_set(err, ERR_INVALID, "the %s ends in its middle; it has to be whole",
			       f->name);
	if (is_whole && b.left)
		return err_set(
			err, ERR_INVALID,
			"after the end of the %s come %zu bytes more; it has to be the image alone",
			f->name, b.left);
	if (!is_whole || !i.width || !i.height)
		return err_set(err, ERR_INVALID, "it begins as a %s does and is none", f->name);
	if (i.width > IMAGE_SIDE_MAX || i.height > IMAGE_SIDE_MAX)
		return err_set(err, ERR_INVALID,
			       "the %s is %u by %u pixels; allowed are %d by %d at most", f->name,
			       i.width, i.height, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
	*ret = i;
	return 0;
}

/* SVG */

/* Before the first element: white space, comments, the XML declaration, a document type. */
static const char *skip_prolog(const char *s)
{
	for (;;) {
		const char *end;

		s += strspn(s, " \t\r\n");
		if (strncmp(s, "<!--", 4) == 0)
			end = "-->";
		else if (strncmp(s, "<?", 2) == 0)
			end = "?>";
		else if (strncasecmp(s, "<!DOCTYPE", 9) == 0)
			end = ">";
		else
			return s;
		s = strstr(s, end);
		if (!s)
			return "";
		s += strlen(end);
	}
}

static bool is_svg(const char *text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf"; /* that it is UTF-8 */
	const char *root;

	if (strlen(text) != len)
		return false;
	root = skip_prolog(strncmp(text, mark, 3) == 0 ? text + 3 : text);
	return strncmp(root, "<svg", 4) == 0 && root[4] && strchr(" \t\r\n/>", root[4]);
}

static int read_svg(const char *text, struct image *ret, struct err *err)
{
	const char *end = text + strlen(text);

	if (strcasestr(text, "<!ENTITY"))
		return err_set(err, ERR_INVALID,
			       "the SVG defines entities (<!ENTITY); it has to do without");
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	if (end == text || end[-1] != '>')
		return err_set(err, ERR_INVALID, "the SVG ends in its middle; it has to be whole");
	*ret = (struct image){ .type = "image/svg+xml", .extension = "svg" };
	return 0;
}

int image_read(const void *data, size_t len, struct image *ret, struct err *err)
{
	const struct format *f = find_format(data, len);

	if (!len)
		return err_set(err, ERR_INVALID, "the file is empty");
	if (f)
		return read_bitmap(f, data, len, ret, err);
	if (is_svg(data, len))
		return read_svg(data, ret, err);
	return err_set(
		err, ERR_INVALID,
		"the file is no image that is taken; allowed are PNG, JPEG, GIF, WebP and SVG");
}
