package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Time-outs and attempts. An answer from DynamoDB takes some milliseconds;
// the SDK's own patience, 20 s between attempts, outlives the caller's.
const (
	attemptTimeout = time.Second
	dialTimeout    = 500 * time.Millisecond
	attempts       = 3
	// transactAttempts are more, for rivals of one user's META conflict.
	transactAttempts = 6
	firstBackoff     = 20 * time.Millisecond
	longestBackoff   = 200 * time.Millisecond
)

// NewClient makes a client for a region, or for the engine at an endpoint if
// that is not empty. It retries only what is safe to repeat; the store says
// more where it knows more.
func NewClient(region, endpoint string, creds aws.CredentialsProvider, tweaks ...func(*dynamodb.Options)) *dynamodb.Client {
	options := dynamodb.Options{
		Region:      region,
		Credentials: creds,
		// Of a write that says no more, as in once: whether a lost one was
		// applied is unknown, and repeating it could undo a rival's change.
		Retryer: retryer(attempts, refused, conflicted),
		HTTPClient: &http.Client{Timeout: attemptTimeout, Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 128, // a page may read as many buckets at once
			IdleConnTimeout:     time.Minute,
		}},
		APIOptions: []func(*stack) error{addMeter},
	}
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	return dynamodb.New(options, tweaks...)
}

// reading is for calls that change nothing: whatever failed, ask again.
func reading(o *dynamodb.Options) { o.Retryer = retryer(attempts, refused, lost) }

// repeatable is for writes that are harmless when applied twice, because a
// condition or a request token tells the repetition.
func repeatable(o *dynamodb.Options) {
	o.Retryer = retryer(transactAttempts, refused, lost, conflicted)
}

// once is for writes that nothing tells the repetition of: only what was
// certainly not applied is sent again.
func once(o *dynamodb.Options) { o.Retryer = retryer(attempts, refused, conflicted) }

func retryer(attempts int, causes ...func(error) bool) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.RateLimiter = ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return backoff(attempt), nil
		})
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(anyOf(err, causes...))
		})}
	})
}

// backoff is exponential with full jitter; attempts count from 0.
func backoff(attempt int) time.Duration {
	longest := min(firstBackoff<<min(attempt, 10), longestBackoff)
	return rand.N(longest) //nolint:gosec // jitter needs no secrecy
}

// pause sleeps a backoff or until the context ends.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", token.ErrUnavailable, ctx.Err())
	case <-time.After(backoff(attempt)):
		return nil
	}
}

// refused: DynamoDB throttled the request, or no connection was made. It was
// not applied.
func refused(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		return hasReason(cancelled, "ThrottlingError") || hasReason(cancelled, "ProvisionedThroughputExceeded")
	}
	return hasCode(err, retry.DefaultThrottleErrorCodes)
}

// lost: no answer, or one that says nothing (5xx). It may have been applied.
func lost(err error) bool {
	var (
		response *smithyhttp.ResponseError
		send     *smithyhttp.RequestSendError
		garbled  *smithy.DeserializationError
		canceled *smithy.CanceledError
	)
	if errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError {
		return true
	}
	return errors.As(err, &send) || errors.As(err, &garbled) || errors.As(err, &canceled) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// conflicted: another transaction touches the same items just now. It was
// not applied. A condition on one item may have failed beside the conflict on
// another; what that means shows only when there is no conflict.
func conflicted(err error) bool {
	var conflict *types.TransactionConflictException
	var inProgress *types.TransactionInProgressException
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		return hasReason(cancelled, "TransactionConflict")
	}
	return errors.As(err, &conflict) || errors.As(err, &inProgress)
}

const conditionFailed = "ConditionalCheckFailed"

func hasReason(cancelled *types.TransactionCanceledException, code string) bool {
	for _, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) == code {
			return true
		}
	}
	return false
}

func hasCode(err error, codes map[string]struct{}) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	_, ok := codes[api.ErrorCode()]
	return ok
}

func anyOf(err error, causes ...func(error) bool) bool {
	for _, cause := range causes {
		if cause(err) {
			return true
		}
	}
	return false
}

// failure gives the error of a call that changed nothing its place among
// token's errors: unavailable, or itself, which is internal.
func failure(err error) error {
	if anyOf(err, refused, lost, conflicted) {
		return fmt.Errorf("%w: %w", token.ErrUnavailable, err)
	}
	return err
}

// writeFailure is for a write that is not repeated when its answer is lost.
func writeFailure(err error) error {
	if lost(err) {
		return fmt.Errorf("%w: %w", token.ErrUncertain, err)
	}
	return failure(err)
}

// recordedFailure is for a write that its caller may repeat, too.
func recordedFailure(err error) error {
	if anyOf(err, refused, lost, conflicted) {
		return fmt.Errorf("%w: %w", token.ErrRepeatable, err)
	}
	return err
}

// repeatedFailure is for a repeatable write: whatever its last attempt came
// to, an earlier one may have been applied.
func repeatedFailure(err error) error {
	if anyOf(err, refused, lost, conflicted) {
		return fmt.Errorf("%w: %w", token.ErrUncertain, err)
	}
	return err
}
