/* VF tokens: how they are spelled, given to the kernel, and asked for.
 * VFIO-OPEN-15 */
#include "tests/unit/vfio/iommufd.h"
#include "vmm/base/bytes.h"

#define PF "0000:03:00.0"
#define VF "0000:03:10.0"
#define TOKEN "2ab74924-c335-45f4-9b16-8569e5b08258"
#define OTHER "00000000-c335-45f4-9b16-8569e5b08258"

static void family(const char *pf_driver)
{
	struct fake_pci p = plain_function, v = plain_function;

	p.bdf = PF;
	p.group = 30;
	p.driver = pf_driver;
	v.bdf = VF;
	v.group = 31;
	v.is_virtual = true;
	v.pf = PF;
	fake_pci_add(&p);
	fake_pci_add(&v);
}

static int try(struct bench *b, const char *bdf, const char *token,
	       struct vfio_dev **out, struct err *e)
{
	const struct vfio_wanted w = { .name = bdf, .vf_token = token };

	*e = ERR_NONE;
	*out = NULL;
	return b->iommu->ops->attach(b->iommu, &w, out, e);
}

static struct vfio_dev *must(struct bench *b, const char *bdf,
			     const char *token)
{
	struct vfio_dev *d;
	struct err e;

	if (try(b, bdf, token, &d, &e) < 0)
		fail_msg("%s", e.text);
	return d;
}

static void refused(struct bench *b, const char *bdf, const char *token,
		    int code, const char *says)
{
	struct vfio_dev *d;
	struct err e;

	assert_int_equal(try(b, bdf, token, &d, &e), code);
	if (!strstr(e.text, says))
		fail_msg("%s", e.text);
	assert_non_null(strstr(e.hint, "vf-token"));
	assert_false(fake_pci_is_open(bdf));
}

static void start(struct bench *b, bool iommufd, const char *pf_driver)
{
	bench_iommufd = iommufd;
	family(pf_driver);
	bench_vm(b);
}

/* VFIO-VF-06 */
static void a_parent_and_its_child_are_opened_with_one_token(void **state)
{
	struct vfio_dev *pf, *vf;
	struct bench b;

	start(&b, false, "vfio-pci");
	pf = must(&b, PF, TOKEN);
	vf = must(&b, VF, "2AB74924-C335-45F4-9B16-8569E5B08258");
	vf->ops->close(vf);
	pf->ops->close(pf);
	bench_close(&b);
}

static void a_child_without_its_parents_token_is_refused(void **state)
{
	struct vfio_dev *pf;
	struct bench b;

	start(&b, false, "vfio-pci");
	pf = must(&b, PF, TOKEN);
	refused(&b, VF, NULL, -EACCES,
		"cannot open the function: VFIO owns its physical function, or "
		"virtual functions of it, too: they ask for a VF token");
	refused(&b, VF, OTHER, -EACCES,
		"cannot open the function: the VF token is not the one that "
		"its physical function was opened with");
	pf->ops->close(pf);
	bench_close(&b);
}

static void a_parent_whose_child_is_open_asks_for_the_token(void **state)
{
	struct vfio_dev *pf, *vf;
	struct bench b;

	start(&b, false, "vfio-pci");
	pf = must(&b, PF, TOKEN);
	vf = must(&b, VF, TOKEN);
	pf->ops->close(pf);
	refused(&b, PF, NULL, -EACCES, "they ask for a VF token");
	refused(&b, PF, OTHER, -EACCES, "is not the one");
	pf = must(&b, PF, TOKEN);
	pf->ops->close(pf);
	vf->ops->close(vf);
	bench_close(&b);
}

static void a_token_that_nobody_asks_for_is_named(void **state)
{
	struct vfio_dev *vf;
	struct bench b;

	start(&b, false, "igb");
	refused(&b, VF, TOKEN, -EINVAL,
		"cannot open the function: it has a VF token, but is neither");
	vf = must(&b, VF, NULL);
	vf->ops->close(vf);
	bench_close(&b);
}

/* What other errnos mean does not depend on the token. */
static void other_refusals_keep_their_sentences(void **state)
{
	struct vfio_dev *d;
	struct bench b;
	struct err e;

	start(&b, false, "vfio-pci");
	fake_fail_ioctl("VFIO_GROUP_GET_DEVICE_FD", 0, EIO);
	assert_int_equal(try(&b, PF, TOKEN, &d, &e), -EIO);
	assert_non_null(strstr(e.text, "the function does not answer"));
	fake_fail_none();
	bench_close(&b);
}

#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
static void iommufd_takes_tokens_too(void **state)
{
	struct vfio_dev *pf, *vf;
	struct bench b;

	start(&b, true, "vfio-pci");
	pf = must(&b, PF, TOKEN);
	vf = must(&b, VF, TOKEN);
	vf->ops->close(vf);
	refused(&b, VF, OTHER, -EACCES, "is not the one");
	refused(&b, VF, NULL, -EACCES, "they ask for a VF token");
	fake_fail_ioctl("VFIO_DEVICE_BIND_IOMMUFD", 1, EINVAL);
	refused(&b, VF, TOKEN, -EINVAL, "this kernel takes no VF token");
	pf->ops->close(pf);
	bench_close(&b);
}
#else
static void iommufd_takes_no_token_yet(void **state)
{
	struct vfio_dev *d;
	struct bench b;
	struct err e;

	start(&b, true, "vfio-pci");
	assert_int_equal(try(&b, PF, TOKEN, &d, &e), -ENOTSUP);
	assert_string_equal(e.text, "this build of minivmm cannot give a VF "
				    "token to iommufd");
	assert_non_null(strstr(e.hint, "--iommu=group"));
	assert_int_equal(fake_trace_count("BIND_IOMMUFD"), 0);
	bench_close(&b);
}
#endif

/* -------- the option -------- */

static void the_option_takes_a_uuid_only(void **state)
{
	static const char *const wrong[] = {
		"",
		"2ab74924",
		"2ab74924-c335-45f4-9b16-8569e5b0825",
		"2ab74924-c335-45f4-9b16-8569e5b082588",
		"2ab74924-c335-45f4-9b16-8569e5b0825g",
		"2ab74924-c335-45f4-9b1-68569e5b08258",
		"2ab74924xc335-45f4-9b16-8569e5b08258",
		"-ab74924-c335-45f4-9b16-8569e5b08258",
	};
	struct vfio_options o;

	MUST(vfio_options_parse(PF ",vf-token=" TOKEN ",slot=2", &o, &why));
	assert_string_equal(o.vf_token, TOKEN);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = ERR_NONE;
		char text[128];

		print_message("'%s'\n", wrong[i]);
		snprintf(text, sizeof(text), PF ",vf-token=%s", wrong[i]);
		assert_int_equal(vfio_options_parse(text, &o, &e), -EINVAL);
		assert_non_null(strstr(e.text, PF ": vf-token"));
	}
}

static void its_bytes_are_in_the_order_of_the_text(void **state)
{
	static const uint8_t bytes[VFIO_TOKEN_BYTES] = {
		0x2a, 0xb7, 0x49, 0x24, 0xc3, 0x35, 0x45, 0xf4,
		0x9b, 0x16, 0x85, 0x69, 0xe5, 0xb0, 0x82, 0x58,
	};
	uint8_t out[VFIO_TOKEN_BYTES];

	MUST(vfio_token_parse(TOKEN, out, &why));
	assert_memory_equal(out, bytes, sizeof(bytes));
}

static void a_server_takes_no_token(void **state)
{
	struct err e = ERR_NONE;
	struct vfio_options o;

	assert_int_equal(vfio_user_options_parse("/s,vf-token=" TOKEN, &o, &e),
			 -EINVAL);
	assert_string_equal(
		e.text, "/s: container, fd, group, iommufd and vf-token are "
			"for --vfio only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(a_parent_and_its_child_are_opened_with_one_token),
		FAKE_TEST(a_child_without_its_parents_token_is_refused),
		FAKE_TEST(a_parent_whose_child_is_open_asks_for_the_token),
		FAKE_TEST(a_token_that_nobody_asks_for_is_named),
		FAKE_TEST(other_refusals_keep_their_sentences),
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
		FAKE_TEST(iommufd_takes_tokens_too),
#else
		FAKE_TEST(iommufd_takes_no_token_yet),
#endif
		FAKE_TEST(the_option_takes_a_uuid_only),
		FAKE_TEST(its_bytes_are_in_the_order_of_the_text),
		FAKE_TEST(a_server_takes_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
