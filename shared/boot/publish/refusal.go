package publish

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/latchkey-api/latchkey/shared/event"
)

// apart returns a sender that sends the entries of a call in halves if the service
// refuses the whole call because of one of them, so that the others arrive. An entry
// that is refused alone is lost.
func apart[T any](send sender[T]) sender[T] {
	return func(ctx context.Context, entries []T) ([]T, string, *event.LostError, error) {
		refused, why, lost, err := send(ctx, entries)
		code, unfit := refusalOf(err)
		switch {
		case !unfit:
			return refused, why, lost, err
		case len(entries) == 1:
			return nil, "", &event.LostError{Events: 1, Why: "a call with it alone is refused: " + code}, nil
		}
		half := len(entries) / 2
		refused, why, lost, err = apart(send)(ctx, entries[:half])
		if err != nil {
			return nil, "", nil, err
		}
		more, reason, gone, err := apart(send)(ctx, entries[half:])
		if len(more) > 0 {
			why = reason
		}
		return append(refused, more...), why, lost.Add(gone), err
	}
}

// refusalOf returns the code of an error with which EventBridge or SQS refuse a whole
// call, and whether they do so because of what an entry contains.
func refusalOf(err error) (code string, ofContent bool) {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusRequestEntityTooLarge {
		return "413", true // EventBridge sends it without a body
	}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return "", false
	}
	code = strings.TrimPrefix(refusal.ErrorCode(), "AWS.SimpleQueueService.")
	return code, unfit(code, refusal.ErrorMessage())
}

// unfit reports whether EventBridge or SQS refuse an entry, or a call, because of what an
// event is, so that it would be refused each time. Any other refusal is about the
// deployment, or may be over soon: nothing may be lost for it. So a code that is also
// used for settings counts only with a text about the event.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html#API_SendMessageBatch_Errors
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html
func unfit(code, message string) bool {
	switch code {
	case "BatchRequestTooLong", "InvalidMessageContents", "RequestEntityTooLarge", "PayloadSizeExceeded", "PayloadSizeExceededException":
		return true
	case "InvalidParameterValue": // also of a queue of another type
		return strings.Contains(message, "Message must be shorter than")
	case "ValidationException": // also of the name of the bus
		return strings.Contains(message, "Total size of the entries") || unfitDetail.MatchString(message)
	}
	return false
}

// unfitDetail matches what EventBridge says of the text of an event.
var unfitDetail = regexp.MustCompile(`at 'entries\.\d+\.member\.detail' failed to satisfy constraint`)
