#include "cli/output.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);
	return value && *value;
}

static bool is_set_and_not(const char *variable, const char *opposite)
{
	const char *value = getenv(variable);
	return value && *value && strcmp(value, opposite) != 0;
}

/* no-color.org and bixense.com/clicolors: a wish of the command line beats the environment, no colour beats colour. */
static bool wants_color(enum hb_color color, int fd)
{
	if (color != HB_COLOR_AUTO)
		return color == HB_COLOR_ALWAYS;
	if (is_set("NO_COLOR"))
		return false;
	if (is_set_and_not("CLICOLOR_FORCE", "0"))
		return true;
	return isatty(fd) && is_set_and_not("TERM", "dumb");
}

static unsigned terminal_width(int fd)
{
	struct winsize size = {0};
	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	const char *columns = getenv("COLUMNS");
	long n = columns ? strtol(columns, NULL, 10) : 0;
	return n > 0 && n < 10000 ? (unsigned)n : isatty(fd) ? 80 : 0;
}

static struct hb_error *io_error(const char *what, const char *path)
{
	return hb_error_create(HB_ERR_IO, "cannot %s '%s': %s", what, path, strerror(errno));
}

/* mkstemp() makes files that only their owner reads; a report is an ordinary file. */
static void apply_umask(int fd)
{
	mode_t mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
}

static struct hb_error *open_beside(struct hb_output *output, bool secret)
{
	if (asprintf(&output->temporary, "%s.XXXXXX", output->path) < 0) {
		output->temporary = NULL;
		return hb_error_nomem();
	}
	int fd = mkostemp(output->temporary, O_CLOEXEC);
	if (fd < 0) {
		struct hb_error *err = io_error("create", output->path);
		free(hb_take(output->temporary));
		return err;
	}
	if (!secret)
		apply_umask(fd);
	output->stream = fdopen(fd, "w");
	if (!output->stream)
		close(fd);
	return output->stream ? NULL : hb_error_nomem();
}

static struct hb_error *open_file(struct hb_output *output, const char *path, bool secret)
{
	struct stat status;
	bool exists = stat(path, &status) == 0;
	if (exists && S_ISDIR(status.st_mode))
		return hb_error_create(HB_ERR_IO, "cannot write to '%s': it is a directory", path);
	/* The file that a link leads to is replaced, not the link; what /dev/stdout leads to may have no name. */
	output->path = exists && S_ISREG(status.st_mode) ? realpath(path, NULL) : strdup(path);
	if (!output->path)
		return hb_error_nomem();
	if (!exists || S_ISREG(status.st_mode))
		return open_beside(output, secret);
	output->stream = fopen(output->path, "we");
	return output->stream ? NULL : io_error("open", path);
}

struct hb_error *hb_output_open(const char *path, bool secret, enum hb_color color, struct hb_output *ret)
{
	*ret = (struct hb_output){0};
	if (path) {
		struct hb_error *err = open_file(ret, path, secret);
		if (err) {
			hb_output_close(ret);
			return err;
		}
	} else {
		ret->stream = stdout;
		/* Nothing is held any more when a result is written: a reader that left ends us, as it should. */
		signal(SIGPIPE, SIG_DFL);
	}
	/* Most results go out in one write, whose reason to fail (no space left) stdio would otherwise have forgotten.
	 */
	static char buffer[1 << 20];
	setvbuf(ret->stream, buffer, _IOFBF, sizeof(buffer));
	ret->color = wants_color(color, fileno(ret->stream));
	ret->width = terminal_width(fileno(ret->stream));
	return NULL;
}

void hb_output_to_stderr(enum hb_color color, struct hb_output *ret)
{
	*ret = (struct hb_output){
	        .stream = stderr, .color = wants_color(color, STDERR_FILENO), .width = terminal_width(STDERR_FILENO)};
}

struct hb_error *hb_output_commit(struct hb_output *output)
{
	const char *name = output->path               ? output->path
	                   : output->stream == stderr ? "standard error"
	                                              : "standard output";
	int reason = ferror(output->stream) ? errno : 0; /* the renderer met it first, and left why */
	errno = reason;
	if (fflush(output->stream) != 0 || ferror(output->stream)) {
		errno = errno ? errno : EIO;
		return io_error("write to", name);
	}
	if (!output->temporary)
		return NULL;
	if (fsync(fileno(output->stream)) != 0)
		return io_error("write to", name);
	if (rename(output->temporary, output->path) != 0)
		return io_error("create", name);
	free(hb_take(output->temporary));
	return NULL;
}

void hb_output_close(struct hb_output *output)
{
	if (output->stream && output->stream != stdout && output->stream != stderr)
		fclose(output->stream);
	if (output->temporary)
		unlink(output->temporary);
	free(output->temporary);
	free(output->path);
	*output = (struct hb_output){0};
}
