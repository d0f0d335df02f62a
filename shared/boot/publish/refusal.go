package publish

import (
	"context"
	"errors"
	"net/http"
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
// call because of what an entry contains; unfit is false for any other error: it is
// about the deployment, or may be over soon, so nothing may be lost for it.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html#API_SendMessageBatch_Errors
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html
func refusalOf(err error) (code string, unfit bool) {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusRequestEntityTooLarge {
		return "413", true // EventBridge sends it without a body
	}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return "", false
	}
	code = strings.TrimPrefix(refusal.ErrorCode(), "AWS.SimpleQueueService.")
	switch code {
	case "BatchRequestTooLong", "InvalidMessageContents", "InvalidParameterValue", "RequestEntityTooLarge", "PayloadSizeExceeded", "PayloadSizeExceededException":
		return code, true
	case "ValidationException": // of entries, or of the name of the bus, which all have
		return code, !strings.Contains(refusal.ErrorMessage(), "eventBusName")
	}
	return code, false
}

// mendable reports whether a code of SQS is about the deployment and not the message:
// too many requests, a right or a key that is missing, or no queue.
func mendable(code string) bool {
	return strings.Contains(code, "Throttl") || strings.Contains(code, "Denied") || strings.Contains(code, "NonExistent") || strings.HasPrefix(code, "KMS") || strings.HasPrefix(code, "Kms")
}
