package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A problem is an error told to the operator: one sentence that says what is
// wrong and what to do, without its full stop.
type problem struct{ text string }

func (p *problem) Error() string { return p.text }

func problemf(format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...)}
}

// sentence is an error on one line, whatever it is, without a full stop.
func sentence(err error) string {
	return visible(strings.TrimRight(strings.Join(strings.Fields(err.Error()), " "), "."))
}

// visible is a text that a terminal neither obeys nor turns around.
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

// reason is the system's own word for why a file or socket could not be
// used, without the names of calls around it.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return sentence(err)
}

// explain tells an error of the store. user is the name that the command
// was given, if any.
func (d *database) explain(err error, user string) error {
	var (
		told    *problem
		invalid *token.InvalidError
		refused interface {
			ErrorCode() string
			ErrorMessage() string
		}
		network *net.OpError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return err
	case errors.As(err, &invalid):
		return problemf("%s", invalid.Error())
	case errors.Is(err, token.ErrUserExists):
		return problemf("there is a user %s already: choose another name, or give that user another access token with `tokenctl user rotate %s`", user, user)
	case errors.Is(err, token.ErrUserNotFound):
		return problemf("there is no user %s %s: look with `tokenctl user list`", user, d.at())
	case errors.Is(err, token.ErrSlotsFull):
		return problemf("user %s has %d valid access tokens and can't have more: when the clients have the newest, end the others with `tokenctl user rotate %s --revoke`", user, token.MaxSlots, user)
	case errors.Is(err, token.ErrContention):
		return problemf("somebody else changed the same rows at the same time, and nothing was done: try again")
	case errors.Is(err, context.Canceled):
		return problemf("interrupted: a change may or may not have been made, so look with `tokenctl user list`")
	case errors.As(err, &network) && network.Op == "dial":
		return problemf("no DynamoDB can be reached %s: start it, or check %s", d.at(), d.origin())
	case errors.Is(err, token.ErrUnavailable):
		return problemf("DynamoDB %s gave no proper answer: a change may or may not have been made, so look with `tokenctl user list` before you try again, or check %s", d.at(), d.origin())
	case errors.As(err, &refused) && refused.ErrorCode() == "ResourceNotFoundException":
		return problemf("table %s does not exist %s: run `tokenctl table create` if that is a local engine, or check --table", d.table, d.at())
	case errors.As(err, &refused):
		return problemf("DynamoDB %s refused the request (%s: %s): check %s and what the credentials may do", d.at(), refused.ErrorCode(), sentence(errors.New(refused.ErrorMessage())), d.origin())
	default:
		return err
	}
}
