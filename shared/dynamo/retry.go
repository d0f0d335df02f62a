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
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// How often one call to DynamoDB is sent at most, and how long the store waits
// in between.
const (
	maxAttempts = 3
	// maxTransactAttempts is higher because concurrent transactions on one
	// user's META item conflict.
	maxTransactAttempts = 6
	// maxStopAttempts is higher still: stopping a key is most urgent if it is so
	// busy that DynamoDB refuses many of its writes.
	maxStopAttempts = 30

	firstBackoff   = 20 * time.Millisecond
	longestBackoff = 200 * time.Millisecond
)

// How often the store starts an operation again at most because another
// caller has changed the item in the meantime.
const (
	// maxCreateAttempts limits attempts to claim the next id. Each costs at
	// least four write units, so after a few it is cheaper to let the client
	// come back later.
	maxCreateAttempts = 8
	// maxChangeAttempts limits attempts to change a token.
	maxChangeAttempts = 8
	// maxRewriteAttempts limits attempts of one quota operation. Only
	// operations on the same token compete, and one of them succeeds each time.
	maxRewriteAttempts = 24
	// maxListAttempts limits how often a list is read because it contained
	// tokens whose deletion had to be finished first.
	maxListAttempts = 4
	// maxReconcileAttempts limits attempts to repair one counter.
	maxReconcileAttempts = 8
)

// How many calls of one request run at the same time. Each needs a connection.
const (
	maxParallelReads  = 16
	maxParallelWrites = 16
)

// A retryPolicy says after which errors a call is sent again, and what the
// error of its last attempt means to the caller. A call that was certainly not
// applied is always sent again.
type retryPolicy struct {
	maxAttempts   int
	afterNoAnswer bool  // send again what may have been applied
	afterConflict bool  // send again what a transaction was in the way of
	uncertain     *bool // if not nil, set once an attempt got no answer

	// What failures on DynamoDB's side mean: without an answer, and when the
	// last attempt was certainly not applied.
	noAnswer, notApplied error
}

// retryReads is for calls that change nothing.
func retryReads() retryPolicy {
	return retryPolicy{maxAttempts, true, false, nil, token.ErrUnavailable, token.ErrUnavailable}
}

// retryNotApplied is for writes that must not be applied twice: if the first
// attempt was applied and its answer lost, a second one could undo what another
// caller wrote since.
func retryNotApplied() retryPolicy {
	return retryPolicy{maxAttempts, false, true, nil, token.ErrUncertain, token.ErrUnavailable}
}

// neverRetry is for writes that nobody needs: a caller must not wait for a second
// attempt.
func neverRetry() retryPolicy {
	return retryPolicy{1, false, false, nil, token.ErrUncertain, token.ErrUnavailable}
}

// retryIdempotent is for writes whose condition or request token makes a
// repetition harmless. Whatever the last attempt came to, one before it may
// have been applied.
func retryIdempotent() retryPolicy {
	return retryPolicy{maxTransactAttempts, true, true, nil, token.ErrUncertain, token.ErrUncertain}
}

// retryStop is for writes that stop or remove a token, and can be repeated.
func retryStop() retryPolicy {
	return retryPolicy{maxStopAttempts, true, true, nil, token.ErrUncertain, token.ErrUncertain}
}

// retryLeaked is retryStop for a caller who may repeat it, too.
func retryLeaked() retryPolicy {
	return retryPolicy{maxStopAttempts, true, true, nil, token.ErrRepeatable, token.ErrRepeatable}
}

// retryRecorded is for quota operations with a request id. The item records the
// id, so the store recognises a repetition, and so the caller may repeat the
// operation too. It sets uncertain once an attempt gets no answer.
func retryRecorded(uncertain *bool) retryPolicy {
	return retryPolicy{maxAttempts, true, true, uncertain, token.ErrRepeatable, token.ErrRepeatable}
}

// configure applies the policy to one call, or to a client.
func (p retryPolicy) configure(o *dynamodb.Options) { o.Retryer = p }

// retryPolicy implements the SDK's interface itself, because making a retry.Standard
// for each call takes a twentieth of the SDK's CPU time.
var _ aws.RetryerV2 = retryPolicy{}

// IsErrorRetryable implements aws.Retryer.
func (p retryPolicy) IsErrorRetryable(err error) bool {
	switch {
	case notApplied(err):
		return true
	case noAnswer(err):
		if p.uncertain != nil {
			*p.uncertain = true
		}
		return p.afterNoAnswer
	default:
		return p.afterConflict && conflicted(err)
	}
}

// MaxAttempts implements aws.Retryer.
func (p retryPolicy) MaxAttempts() int { return p.maxAttempts }

// RetryDelay implements aws.Retryer.
func (retryPolicy) RetryDelay(attempt int, _ error) (time.Duration, error) {
	return backoff(attempt), nil
}

// GetAttemptToken implements aws.RetryerV2. Tokens would limit the attempts of all
// calls together.
func (p retryPolicy) GetAttemptToken(context.Context) (func(error) error, error) {
	return p.GetInitialToken(), nil
}

// GetRetryToken implements aws.Retryer.
func (p retryPolicy) GetRetryToken(context.Context, error) (func(error) error, error) {
	return p.GetInitialToken(), nil
}

// GetInitialToken implements aws.Retryer.
func (retryPolicy) GetInitialToken() func(error) error { return func(error) error { return nil } }

// explain returns the error of the last attempt with its meaning. An error that
// is not a failure on DynamoDB's side is returned as is, and is internal.
func (p retryPolicy) explain(err error) error {
	switch {
	case notApplied(err) || conflicted(err): // also no connection, which is no answer either
		return fmt.Errorf("%w: %w", p.notApplied, err)
	case noAnswer(err):
		return fmt.Errorf("%w: %w", p.noAnswer, err)
	default:
		return err
	}
}

// backoff is exponential with full jitter; attempts count from 0.
func backoff(attempt int) time.Duration {
	longest := min(firstBackoff<<min(attempt, 10), longestBackoff)
	return rand.N(longest) //nolint:gosec // jitter needs no secrecy
}

// pause waits for a backoff or until the context ends.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", token.ErrUnavailable, ctx.Err())
	case <-time.After(backoff(attempt)):
		return nil
	}
}

// notApplied reports whether a call certainly changed nothing because DynamoDB
// throttled it or because no connection was made.
func notApplied(err error) bool {
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

// noAnswer reports whether a call may or may not have been applied: there was
// no answer, or one with a status of 500 or above.
func noAnswer(err error) bool {
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

// conflicted reports whether a write was not applied because a transaction was
// writing one of its items at the same time. In a transaction, a conflict on
// one item makes a failed condition on another meaningless.
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
