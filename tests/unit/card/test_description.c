/* Descriptions of cards: what is accepted, and what each wrong one is told. */
#include "tests/unit/card/bench.h"

#include <glob.h>
#include <linux/pci_regs.h>

#include "tests/card/regs.h"

/* -------- right ones -------- */

static void one_line_is_a_working_card(void **state)
{
	struct description d;
	const struct function_text *f;

	describe(&d, "function 0\n");
	f = &d.function[0];
	assert_int_equal(d.n, 1);
	assert_int_equal(le32_load(f->image.bytes), 0x502110ee);
	assert_int_equal(f->msix_vectors, 8);
	assert_int_equal(f->engine.bar, 0);
	assert_int_equal(f->bar[2].size, 128 * MIB);
	assert_int_equal(f->image.bytes[PCI_CAPABILITY_LIST], 0x40);
	assert_int_equal(f->image.bytes[PCI_HEADER_TYPE], 0);
	description_close(&d);
}

static void several_functions_say_so_in_their_headers(void **state)
{
	struct description d;

	describe(&d, "function 0\nfunction 1\nid 1:2\n");
	assert_int_equal(d.n, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(d.function[i].image.bytes[PCI_HEADER_TYPE],
				 0x80);
	assert_int_equal(le32_load(d.function[1].image.bytes), 0x00020001);
	description_close(&d);
}

static void comments_blanks_and_a_missing_newline_are_no_matter(void **state)
{
	struct description d;

	describe(&d, "# a card\n\n \tfunction 0 # the first\n  revision 7f");
	assert_int_equal(d.function[0].image.bytes[PCI_REVISION_ID], 0x7f);
	description_close(&d);
}

static void chains_are_in_the_order_of_lines(void **state)
{
	struct description d;
	const uint8_t *b;

	describe(&d, "function 0\n"
		     "cap pm at 0x80\ncap pcie at 0x40\n"
		     "ecap aer at 0x100\necap dsn at 0xf00\n"
		     "ecap ltr at 0x200\n");
	b = d.function[0].image.bytes;
	assert_int_equal(b[PCI_CAPABILITY_LIST], 0x80);
	assert_int_equal(b[0x81], 0x40);
	assert_int_equal(b[0x41], 0);
	assert_int_equal(le32_load(b + 0x100), 0xf0010001);
	assert_int_equal(le32_load(b + 0xf00), 0x20010003);
	assert_int_equal(le32_load(b + 0x200), 0x00010018);
	description_close(&d);
}

/* Xilinx/XRT, xocl_subdev_vsec(): BAR in bits 15:12 of an entry. */
static void the_vsec_leads_to_the_table(void **state)
{
	struct description d;
	const struct function_text *f;
	const struct fill *t;

	describe(&d, "function 0\n"
		     "bar 0 mem64 64K\nbar 2 mem64 prefetch 16G\n"
		     "engine 0:0x1000\ntable 2:0x3fff00010\n"
		     "uuid 0:0x2000\nmemory 2:0\n"
		     "ecap vsec at 0x100 id 20 table\n");
	f = &d.function[0];
	assert_int_equal(le32_load(f->image.bytes + 0x104), 0x01000020);
	assert_int_equal(le32_load(f->image.bytes + 0x108), 0xfff00012);
	assert_int_equal(le32_load(f->image.bytes + 0x10c), 3);
	t = &f->fill[0];
	assert_int_equal(t->at.bar, 2);
	assert_int_equal(le32_load(t->bytes + CARD_TABLE_FORMAT), 1);
	assert_int_equal(le32_load(t->bytes + CARD_TABLE_LENGTH), t->n);
	assert_int_equal(t->n, 0x10 + 4 * 0x10);
	assert_int_equal(le32_load(t->bytes + 0x10), 0x20000050);
	assert_int_equal(le32_load(t->bytes + 0x20), 0x100000c0);
	assert_int_equal(le32_load(t->bytes + 0x30), 0x000020c1);
	assert_int_equal(t->bytes[0x40], CARD_FEATURE_END);
	description_close(&d);
}

static void what_traps_is_cut_out_of_what_may_be_mapped(void **state)
{
	struct description d;
	const struct bar_text *b;

	describe(&d, "function 0\n");
	b = &d.function[0].bar[0];
	assert_int_equal(b->n_areas, 3);
	assert_int_equal(b->area[0].base, 0x1000);
	assert_int_equal(b->area[0].size, 0x7000);
	assert_int_equal(b->area[1].base, 0x9000);
	assert_int_equal(b->area[1].size, 0x3000);
	assert_int_equal(b->area[2].base, 0xd000);
	assert_int_equal(b->area[2].size, 0x3000);
	assert_int_equal(d.function[0].bar[2].n_areas, 1);
	description_close(&d);
}

static void areas_can_be_chosen_or_refused(void **state)
{
	struct description d;

	describe(&d, "function 0\ncap pm at 0x40\n"
		     "bar 0 mem32 64K map 0x1000+0x2000 0x8000+0x8000\n"
		     "bar 1 mem32 64K trapped\nbar 2 io 16\n");
	assert_int_equal(d.function[0].bar[0].n_areas, 2);
	assert_int_equal(d.function[0].bar[0].area[1].base, 0x8000);
	assert_int_equal(d.function[0].bar[1].n_areas, 0);
	assert_int_equal(d.function[0].bar[2].n_areas, 0);
	description_close(&d);
}

static void bars_have_their_type_and_their_writable_bits(void **state)
{
	struct description d;
	const struct image *i;

	describe(&d, "function 0\ncap pm at 0x40\n"
		     "bar 0 mem64 prefetch 64G\nbar 2 mem32 64K\n"
		     "bar 3 io 32\n");
	i = &d.function[0].image;
	assert_int_equal(le32_load(i->bytes + 0x10), 0xc);
	assert_int_equal(le32_load(i->writable + 0x10), 0);
	assert_int_equal(le32_load(i->writable + 0x14), 0xfffffff0);
	assert_int_equal(le32_load(i->bytes + 0x18), 0);
	assert_int_equal(le32_load(i->writable + 0x18), 0xffff0000);
	assert_int_equal(le32_load(i->bytes + 0x1c), 1);
	assert_int_equal(le32_load(i->writable + 0x1c), 0xffffffe0);
	description_close(&d);
}

static void raw_bytes_win_and_have_masks(void **state)
{
	struct description d;

	describe(&d, "function 0\nconfig 0xffc ce fa ed fe\n"
		     "config 0xffc writable ff 00 0f\n"
		     "config 0xf0 \"text\"\n");
	assert_int_equal(le32_load(d.function[0].image.bytes + 0xffc),
			 0xfeedface);
	assert_int_equal(le32_load(d.function[0].image.writable + 0xffc),
			 0x000f00ff);
	assert_memory_equal(d.function[0].image.bytes + 0xf0, "text", 4);
	description_close(&d);
}

static void broken_chains_are_possible_on_demand(void **state)
{
	struct description d;

	describe(&d, "function 0\nbroken\necap dsn at 0x200\n"
		     "config 0x41 60\n");
	assert_int_equal(le32_load(d.function[0].image.bytes + 0x100), 0);
	description_close(&d);
}

static void sizes_of_msi_follow_its_kind(void **state)
{
	struct description d;

	describe(&d, "function 0\ncap msi at 0x40 vectors 4 maskable\n"
		     "cap msix at 0x58 vectors 2 table 0:0x8000 pba 0:0x9000\n"
		     "cap pm at 0x64\n");
	assert_int_equal(d.function[0].cap[0].size, 24);
	assert_int_equal(le16_load(d.function[0].image.bytes + 0x42), 0x184);
	assert_int_equal(le32_load(d.function[0].image.writable + 0x50), 0xf);
	assert_int_equal(le16_load(d.function[0].image.bytes + 0x5a), 1);
	description_close(&d);
	describe(&d, "function 0\ncap msi at 0x40 32bit\ncap pm at 0x4c\n");
	assert_int_equal(d.function[0].cap[0].size, 10);
	description_close(&d);
}

/* PCIe 6.2 7.8.6: sizes in the capability, the size now in the control. */
static void a_resizable_bar_lists_its_own_size_too(void **state)
{
	struct description d;

	describe(&d, "function 0\nbar 0 mem64 64K\nbar 2 mem64 4M\n"
		     "ecap rebar at 0x100 bar 2 size 1M size 64M\n");
	assert_int_equal(le32_load(d.function[0].image.bytes + 0x104),
			 1 << 4 | 1 << 6 | 1 << 10);
	assert_int_equal(le32_load(d.function[0].image.bytes + 0x108),
			 2 | 1 << 5 | 2 << 8);
	description_close(&d);
}

static void every_shipped_description_is_right(void **state)
{
	struct description d;
	glob_t found;

	assert_int_equal(glob("tests/card/*.card", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 12);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (description_open(&d, found.gl_pathv[i], &why) < 0)
			fail_msg("%s", why.text);
		description_close(&d);
	}
	globfree(&found);
}

/* -------- wrong ones -------- */

struct wrong {
	const char *text;
	unsigned line;
	const char *says;
};

#define F "function 0\n"

static const struct wrong wrongs[] = {
	{ "", 0, "describes no function" },
	{ "id 1:2\n", 1, "belongs to no function" },
	{ "function 1\n", 1, "function 0 comes next" },
	{ "function 0 x\n", 1, "unexpected \"x\"" },
	{ F "function 0\n", 2, "function 1 comes next" },
	{ F "nonsense\n", 2, "unknown \"nonsense\"" },
	{ F "id\n", 2, "lacks the identity" },
	{ F "id 10ee\n", 2, "is two numbers" },
	{ F "id 10ee:10000\n", 2, "is two numbers" },
	{ F "id -1:2\n", 2, "is two numbers" },
	{ F "class 1000000\n", 2, "at most" },
	{ F "revision xyz\n", 2, "is no number" },
	{ F "intx E\n", 2, "no pin from A to D" },
	{ F "fill 0:0 \"text\n", 2, "text without an end" },
	{ F "fill 0:0\n", 2, "lacks bytes" },
	{ F "fill 0:0 100\n", 2, "is no byte" },
	{ F "fill 0:0xffff 1 2\n", 2, "no part of BAR 0" },
	{ F "fill 1:0 1\n", 2, "no part of BAR 1" },
	{ F "fill 6:0 1\n", 2, "is no place" },
	{ F "fill 0:-1 1\n", 2, "is no place" },
	{ F "fill 0:18446744073709551616 1\n", 2, "is no place" },
	{ F "fill 0:18446744073709551615 1 2\n", 2, "no part of BAR 0" },
	{ F "bar 6 mem32 4K\n", 2, "at most" },
	{ F "bar 0 mem16 4K\n", 2, "mem32, mem64 or io" },
	{ F "bar 0 mem32 5K\n", 2, "power of two" },
	{ F "bar 0 mem32 4G\n", 2, "power of two" },
	{ F "bar 0 mem64 128G\n", 2, "power of two" },
	{ F "bar 0 mem32 8\n", 2, "power of two" },
	{ F "bar 0 io 512\n", 2, "power of two" },
	{ F "bar 0 mem32 4Q\n", 2, "is no size" },
	{ F "bar 0 mem32 99999999999G\n", 2, "is no size" },
	{ F "bar 5 mem64 4K\n", 2, "there is no BAR 6" },
	{ F "bar 0 mem64 4K\nbar 1 mem32 4K\n", 2, "there is no BAR 1" },
	{ F "bar 0 mem32 4K\nbar 0 io 4\n", 3, "is in line 2 already" },
	{ F "bar 0 mem32 8K map 0+0x800\n", 2, "whole pages" },
	{ F "bar 0 mem32 8K map 0+0x4000\n", 2, "whole pages" },
	{ F "bar 0 mem32 8K map 0x1000\n", 2, "is no area" },
	{ F "bar 0 mem32 8K map 0x1000+0x1000 0+0x1000\n", 2, "ascend" },
	{ F "bar 0 io 16 map 0+0x1000\n", 2, "cannot be mapped" },
	{ F "bar 0 mem32 4K\ncap pm at 0x40\nengine 0:0x800\n", 1,
	  "engine is no part" },
	{ F "bar 0 mem32 64K\ncap pm at 0x40\nengine 0:0x800\n", 1,
	  "begins at no page" },
	{ F "bar 0 mem32 64K\ncap pm at 0x40\ncopy 0:0x800\n", 1,
	  "begins at no page" },
	{ F "bar 0 mem32 64K\ncap pm at 0x40\ncopy 0:0xf800\n", 1,
	  "copy of config space is no part" },
	{ F "bar 0 mem32 4K\ncap pm at 0x40\nmemory 1:0\n", 1,
	  "memory is no part" },
	{ F "bar 0 io 16\ncap pm at 0x40\nuuid 0:0\n", 1, "UUID is no part" },
	{ F "uuid 0:0 1 2 3\n", 2, "16 bytes" },
	{ F "cap pm\n", 2, "lacks \"at OFFSET\"" },
	{ F "cap pm at 0x3c\n", 2, "4-aligned, from 0x40" },
	{ F "cap pm at 0x42\n", 2, "4-aligned" },
	{ F "cap pm at 0x100\n", 2, "at most" },
	{ F "cap pm at 0xfc\n", 2, "end behind" },
	{ F "cap nothing at 0x40\n", 2, "no kind of capability" },
	{ F "cap aer at 0x40\n", 2, "no kind of capability" },
	{ F "cap pm at 0x40 more\n", 2, "unexpected \"more\"" },
	{ F "cap pm at 0x40\ncap pcie at 0x44\n", 3,
	  "overlaps that of line 2" },
	{ F "cap msi at 0x40 vectors 3\n", 2, "1, 2, 4, 8" },
	{ F "cap msi at 0x40 vectors 64\n", 2, "at most" },
	{ F "cap msi at 0x40\ncap msi at 0x60\n", 3, "MSI is there once" },
	{ F "cap msix at 0x40 vectors 0\n", 2, "1 to 2048" },
	{ F "cap msix at 0x40 vectors 2049\n", 2, "at most" },
	{ F "cap msix at 0x40 vectors 2048\n", 1,
	  "MSI-X PBA overlaps the MSI-X table" },
	{ F "cap msix at 0x40 table 0:0xfff8\n", 1, "table is no part" },
	{ F "cap msix at 0x40 pba 0:0\n", 1, "PBA overlaps the engine" },
	{ F "cap msix at 0x40 table 0:4\n", 2, "8-aligned" },
	{ F "cap msix at 0x40 pba 0:0xfffc\n", 2, "8-aligned" },
	{ F "cap msix at 0x40 vectors 65 pba 0:0xfff8\n", 1, "PBA is no part" },
	{ F "ecap dsn at 0xc0\n", 2, "from 0x100" },
	{ F "ecap aer at 0xff0\n", 2, "end behind 0x1000" },
	{ F "ecap dsn at 0x200\n", 2, "leads to 0x100" },
	{ F "ecap dsn at 0x100\necap aer at 0x108\n", 3, "overlaps" },
	{ F "ecap dsn at 0x100\nconfig 0x102 01 20\n", 2, "goes on to 0x200" },
	{ F "ecap dsn at 0x100\necap ltr at 0x200\nconfig 0x103 30\n", 3,
	  "leads to 0x300" },
	{ F "config 0x34 00\n", 1, "leads to 0" },
	{ F "config 0x1000 00\n", 2, "at most" },
	{ F "config 0xffe 1 2 3\n", 2, "ends outside" },
	{ F "ecap vsec at 0x100 id 20 length 8 table\n", 2, "length of 0x10" },
	{ F "ecap vsec at 0x100 id 1 length 9 bytes 1 2\n", 2, "a length of" },
	{ F "bar 0 mem32 64K\ncap pm at 0x40\necap vsec at 0x100 table\n", 1,
	  "is nowhere" },
	{ F "ecap rebar at 0x100 bar 2\n", 2, "not above this line" },
	{ F "bar 2 mem32 5M\necap rebar at 0x100 bar 2\n", 3,
	  "not above this line" },
	{ F "bar 2 mem32 1M\necap rebar at 0x100 bar 2 size x\n", 3,
	  "is no size" },
	{ F "bar 2 mem32 1M\necap rebar at 0x100 bar 2 size 0\n", 3,
	  "powers of two" },
	{ F "bar 2 mem32 1M\ncap pm at 0x40\n"
	    "ecap rebar at 0x100 bar 2 size 3M\n",
	  4, "powers of two" },
};

static void each_wrong_line_is_named(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		const struct wrong *w = &wrongs[i];
		struct description d;
		char place[32];
		int rc;

		why = ERR_NONE;
		rc = description_read(&d, "test.card", w->text, strlen(w->text),
				      &why);
		snprintf(place, sizeof(place), "test.card:%u: ", w->line);
		if (rc == -EINVAL && !strncmp(why.text, place, strlen(place)) &&
		    strstr(why.text, w->says))
			continue;
		fail_msg("%s\nis \"%s\" (%d), not \"%s... %s\"", w->text,
			 why.text, rc, place, w->says);
	}
}

static void what_is_no_text_is_refused(void **state)
{
	static char text[4096] = F;
	struct description d;

	memset(text + strlen(F), 'x', 2000);
	assert_int_equal(description_read(&d, "t", text, 3000, &why), -EINVAL);
	assert_int_equal(description_read(&d, "t", F "\0", sizeof(F), &why),
			 -EINVAL);
	assert_int_equal(description_open(&d, "/nowhere/x.card", &why),
			 -ENOENT);
	assert_string_equal(why.text,
			    "/nowhere/x.card: No such file or directory");
}

/* As many lines as there can be of each kind, and one more. */
static void limits_hold(void **state)
{
	static const char *const lines[] = { "fill 0:0 1\n", "config 0xf0 1\n",
					     "ecap ltr at 0x100\n" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		static char text[8192];
		struct description d;

		snprintf(text, sizeof(text), F "broken\n");
		for (unsigned n = 0; n < 65; n++)
			strncat(text, lines[i],
				sizeof(text) - strlen(text) - 1);
		assert_int_equal(
			description_read(&d, "t", text, strlen(text), &why),
			-EINVAL);
		assert_non_null(strstr(why.text, "more than 6"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_is_a_working_card),
		cmocka_unit_test(several_functions_say_so_in_their_headers),
		cmocka_unit_test(
			comments_blanks_and_a_missing_newline_are_no_matter),
		cmocka_unit_test(chains_are_in_the_order_of_lines),
		cmocka_unit_test(the_vsec_leads_to_the_table),
		cmocka_unit_test(what_traps_is_cut_out_of_what_may_be_mapped),
		cmocka_unit_test(areas_can_be_chosen_or_refused),
		cmocka_unit_test(bars_have_their_type_and_their_writable_bits),
		cmocka_unit_test(raw_bytes_win_and_have_masks),
		cmocka_unit_test(broken_chains_are_possible_on_demand),
		cmocka_unit_test(sizes_of_msi_follow_its_kind),
		cmocka_unit_test(a_resizable_bar_lists_its_own_size_too),
		cmocka_unit_test(every_shipped_description_is_right),
		cmocka_unit_test(each_wrong_line_is_named),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
