package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const success = `{"success":true,"message":"","data":{}}`

func response(r *http.Request, status int, retryAfter, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Request: r,
		Header: http.Header{"Retry-After": {retryAfter}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// withTransport returns a client whose requests a transport answers.
func withTransport(transport http.RoundTripper) *client.Client {
	return client.New("http://api", "at-x", client.WithHTTPClient(&http.Client{Timeout: 15 * time.Second, Transport: transport}))
}

// answersAfter returns a client whose first requests get no answer and whose
// later ones succeed, and the count of requests.
func answersAfter(first int) (*client.Client, *int) {
	asked := new(int)
	return withTransport(roundTripper(func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		if *asked++; *asked > first {
			return response(r, http.StatusOK, "", success), nil
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	})), asked
}

// answersAlways returns a client whose requests all get the same answer, and
// the count of requests.
func answersAlways(status int, retryAfter, body string) (*client.Client, *int) {
	asked := new(int)
	return withTransport(roundTripper(func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		*asked++
		return response(r, status, retryAfter, body), nil
	})), asked
}

// A request whose answer does not come in time is sent again.
func TestRetryAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := answersAfter(1)
		if _, err := c.Create(t.Context(), wire.TokenInput{}); err != nil || *asked != 2 {
			t.Errorf("got %v after %d requests, want success after 2", err, *asked)
		}
	})
}

// A call to an API that never answers ends within 75 s, so that somebody who waits
// reads why.
func TestSilentAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := answersAfter(10)
		started := time.Now()
		_, err := c.Get(t.Context(), 1)
		if took := time.Since(started); err == nil || *asked < 2 || took > 75*time.Second {
			t.Errorf("got %v after %d requests and %v, want an error after 2 or more within 75 s", err, *asked, took)
		}
	})
}

// A retry does not outlast the caller's deadline.
func TestCallerDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c, asked := answersAfter(1)
		if _, err := c.Create(ctx, wire.TokenInput{}); !errors.Is(err, context.DeadlineExceeded) || *asked != 1 {
			t.Errorf("got %v after %d requests, want the deadline after one", err, *asked)
		}
	})
}

func spend(ctx context.Context, c *client.Client) error {
	_, err := c.Verify(ctx, "sk-x", wire.VerifyInput{Quota: new(int64(1)), RequestID: new("r-0123456789abcdefghijk")})
	return err
}

// The last attempt of a spend begins before the API forgets its request ID,
// which it does after 30 s.
func TestSpendRetriesEndInTime(t *testing.T) {
	calls := map[string]func(context.Context, *client.Client) error{
		"spend": spend,
		"reserve": func(ctx context.Context, c *client.Client) error {
			return errorOf(c.Reserve(ctx, "sk-x", wire.ReserveInput{VerifyInput: wire.VerifyInput{RequestID: new("r-0123456789abcdefghijk")}}))
		},
		"settle": func(ctx context.Context, c *client.Client) error {
			return errorOf(c.Settle(ctx, "sk-x", "r-0123456789abcdefghijk", 1))
		},
		"release": func(ctx context.Context, c *client.Client) error {
			return errorOf(c.Release(ctx, "sk-x", "r-0123456789abcdefghijk"))
		},
	}
	for name, call := range calls {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			c, asked := answersAfter(100)
			err := call(t.Context(), c)
			if took := time.Since(start); err == nil || *asked != 3 || took > 27*time.Second {
				t.Errorf("%s without an answer: got %v after %d requests and %v, want 3 within 27 s", name, err, *asked, took)
			}
			start = time.Now()
			c, asked = answersAlways(http.StatusServiceUnavailable, "21", `{"code":"unavailable","message":"x."}`)
			err = call(t.Context(), c)
			if took := time.Since(start); !errors.Is(err, wire.ErrUnavailable) || *asked != 1 || took > 0 {
				t.Errorf("%s with a long Retry-After: got %v after %d requests and %v, want it given up at once", name, err, *asked, took)
			}
		})
	}
}

// TestIfMatchOutsideWrites checks that IfMatch is refused where the API would
// ignore it.
func TestIfMatchOutsideWrites(t *testing.T) {
	c, asked := answersAlways(http.StatusOK, "", success)
	ctx, stale := t.Context(), client.IfMatch(`"1"`)
	for name, err := range map[string]error{
		"create": errorOf(c.Create(ctx, wire.TokenInput{}, stale)),
		"rotate": errorOf(c.Rotate(ctx, 1, 0, stale)),
	} {
		if err == nil || !strings.Contains(err.Error(), "IfMatch is only for changes of one token") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	if *asked != 0 {
		t.Errorf("%d requests were sent, want none", *asked)
	}
}

// An idempotency key on a call that is not a POST is an error: the API would
// ignore it.
func TestIdempotencyKeyOutsidePOST(t *testing.T) {
	c, asked := answersAlways(http.StatusOK, "", success)
	ctx, key := t.Context(), client.IdempotencyKey("k")
	for name, err := range map[string]error{
		"update": errorOf(c.Update(ctx, 1, wire.UpdateInput{}, key)),
		"status": errorOf(c.SetStatus(ctx, 1, 1, key)),
		"delete": c.Delete(ctx, 1, key),
	} {
		if err == nil || !strings.Contains(err.Error(), "an idempotency key is for a POST alone") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	if *asked != 0 {
		t.Errorf("%d requests were sent, want none", *asked)
	}
}

// An answer of a proxy in front of the API is an *Error with the code that the
// API would use, and is retried as such.
func TestProxyFailures(t *testing.T) {
	for _, row := range []struct {
		status        int
		code          wire.Code
		read, deleted int // requests
		says          string
	}{
		{http.StatusTooManyRequests, wire.ErrRateLimited, 10, 10, "nothing was done"},
		{http.StatusBadGateway, wire.ErrUnavailable, 10, 1, "may or may not have been made"},
		{http.StatusServiceUnavailable, wire.ErrUnavailable, 10, 1, "may or may not have been made"},
		{http.StatusGatewayTimeout, wire.ErrUnavailable, 10, 1, "may or may not have been made"},
		{http.StatusForbidden, "", 1, 1, "check the base URL"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, asked := answersAlways(row.status, "3", `{"message":"`+http.StatusText(row.status)+`"}`)
			_, err := c.Get(t.Context(), 1)
			if *asked != row.read || strings.Contains(err.Error(), "been made") || row.code != "" && !errors.Is(err, row.code) {
				t.Errorf("%d: a read got %v after %d requests, want %d", row.status, err, *asked, row.read)
			}
			var answer *client.Error
			if row.code != "" && (!errors.As(err, &answer) || answer.Status != row.status || answer.RetryAfter != 3*time.Second) {
				t.Errorf("%d: got %+v, want its status and Retry-After", row.status, answer)
			}
			*asked = 0
			if err := c.Delete(t.Context(), 1); err == nil || *asked != row.deleted || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%d: a deletion got %v after %d requests, want %d", row.status, err, *asked, row.deleted)
			}
		})
	}
}

// A Retry-After longer than MaxPause is returned to the caller at once.
func TestLongRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c, asked := answersAlways(http.StatusTooManyRequests, "86400", `{"code":"rate_limited","message":"x."}`)
		_, err := c.Get(t.Context(), 1)
		var answer *client.Error
		if took := time.Since(start); !errors.As(err, &answer) || answer.RetryAfter != 24*time.Hour || *asked != 1 || took > 0 {
			t.Errorf("got %v after %d requests and %v, want it at once", err, *asked, took)
		}
	})
}

// An empty idempotency key is an error, and nothing is sent: the program has lost
// its key.
func TestEmptyIdempotencyKey(t *testing.T) {
	c, asked := answersAlways(http.StatusOK, "", success)
	ctx, key := t.Context(), client.IdempotencyKey("")
	for name, err := range map[string]error{
		"create": errorOf(c.Create(ctx, wire.TokenInput{}, key)),
		"rotate": errorOf(c.Rotate(ctx, 1, 0, key)),
		"update": errorOf(c.Update(ctx, 1, wire.UpdateInput{}, key)),
	} {
		if err == nil || !strings.Contains(err.Error(), "has an empty key") {
			t.Errorf("%s: got %v, want an error about the empty key", name, err)
		}
	}
	if *asked != 0 {
		t.Errorf("%d requests were sent, want none", *asked)
	}
}
