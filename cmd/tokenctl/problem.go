package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A problem is an error to print as it is: one sentence, without its full stop,
// that says what is wrong and what to do.
type problem struct{ text string }

func (p *problem) Error() string { return p.text }

func problemf(format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...)}
}

// sentence returns the text of an error on one line, without a full stop.
func sentence(err error) string {
	return visible(strings.TrimRight(strings.Join(strings.Fields(err.Error()), " "), "."))
}

// visible escapes the characters of s with which text from a server or a file
// could control a terminal or reverse the direction of writing.
func visible(s string) string {
	var text strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			_, _ = fmt.Fprintf(&text, `\u%04x`, r) // a Builder never fails
			continue
		}
		_, _ = text.WriteRune(r)
	}
	return text.String()
}

// reason returns the operating system's reason why a file or socket failed,
// without the names of the calls around it.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return sentence(err)
}

// explain turns an error of the store into a problem. user is the user name
// that the command was given, if any.
func (d *database) explain(err error, user string) error {
	var (
		known   *problem
		invalid *token.InvalidError
		refused interface {
			ErrorCode() string
			ErrorMessage() string
		}
		network *net.OpError
		answer  interface{ HTTPStatusCode() int }
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.As(err, &invalid):
		return problemf("%s", invalid.Error())
	case errors.Is(err, token.ErrUserExists):
		return problemf("user %s already exists: choose another name, or issue another access token with `tokenctl user rotate %s`", user, user)
	case errors.Is(err, token.ErrUserNotFound):
		return problemf("user %s does not exist %s: list the users with `tokenctl user list`, or check --table", user, d.in())
	case errors.Is(err, token.ErrUserDeleting):
		return problemf("user %s is being deleted: finish it with `tokenctl user delete %s`", user, user)
	case errors.Is(err, token.ErrSlotsFull):
		return problemf("user %s has %d valid access tokens, which is the maximum: when all clients use the newest one, revoke the others with `tokenctl user rotate %s --revoke`", user, token.MaxSlots, user)
	case errors.Is(err, token.ErrContention):
		return problemf("another command changed the same items at the same time, and nothing was changed: try again")
	case errors.Is(err, context.Canceled) && !errors.Is(err, token.ErrUncertain):
		return problemf("interrupted")
	case errors.Is(err, context.Canceled):
		return problemf("interrupted; the change may or may not have been made: check with `tokenctl user list`")
	case errors.As(err, &network) && network.Op == "dial":
		return problemf("DynamoDB can't be reached %s: start the engine, or check %s", d.at(), d.origin())
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		return problemf("what answers %s does not speak https: check %s", d.at(), d.origin())
	case errors.As(err, &answer) && notDynamoDB(answer.HTTPStatusCode(), err):
		return problemf("what answers %s is not DynamoDB: check %s", d.at(), d.origin())
	case errors.Is(err, token.ErrUnavailable) && !errors.Is(err, token.ErrUncertain):
		return problemf("DynamoDB %s did not respond as expected: check %s and run the command again", d.at(), d.origin())
	case errors.Is(err, token.ErrUnavailable):
		return problemf("DynamoDB %s did not respond as expected, and the change may or may not have been made: check with `tokenctl user list` before you try again, and check %s", d.at(), d.origin())
	case errors.As(err, &refused) && refused.ErrorCode() == "ResourceNotFoundException":
		return problemf("table %s does not exist %s: check TABLE_NAME or --table, or for a local engine, run `tokenctl table create`", d.table, d.at())
	case errors.As(err, &refused):
		return problemf("DynamoDB %s refused the request (%s: %s): check %s and the permissions of the credentials", d.at(), refused.ErrorCode(), sentence(errors.New(refused.ErrorMessage())), d.origin())
	default:
		return err
	}
}

// notDynamoDB reports whether an answer with this status, 0 if there was none, came
// from another server.
func notDynamoDB(status int, err error) bool {
	var known interface{ ErrorCode() string }
	return status > 0 && status < http.StatusInternalServerError && (!errors.As(err, &known) || known.ErrorCode() == "UnknownError")
}
