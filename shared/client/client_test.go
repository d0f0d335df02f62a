package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A token is created, updated, disabled, read, listed and deleted.
func TestTokenLifecycle(t *testing.T) {
	target, _ := apitest.Serve(t)
	c, ctx := target.User(t, token.RoleUser).Client, t.Context()

	made, err := c.Create(ctx, wire.TokenInput{Name: new("app"), RemainQuota: new(int64(10)), Models: []string{"gpt-4o"}})
	if err != nil || !strings.HasPrefix(made.Key, "sk-") {
		t.Fatalf("create: %v", err)
	}
	changed, err := c.Update(ctx, made.ID, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new("app 2")}})
	if err != nil || changed.Name != "app 2" || changed.RemainQuota != 10 || !slices.Equal(changed.Models, []string{"gpt-4o"}) {
		t.Errorf("update: got %+v, %v; want another name alone", changed, err)
	}
	if off, err := c.SetStatus(ctx, made.ID, token.Disabled); err != nil || off.Status != token.Disabled {
		t.Errorf("disable: got status %d, %v", off.Status, err)
	}
	if got, err := c.Get(ctx, made.ID); err != nil || got.Name != "app 2" || got.Key == made.Key {
		t.Errorf("get: got %q with mask %s, %v", got.Name, got.Key, err)
	}
	for range 4 {
		if _, err := c.Create(ctx, wire.TokenInput{Name: new("more")}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := c.List(ctx, client.ListOptions{PageSize: 3})
	if err != nil || first.Total != 5 || len(first.Items) != 3 {
		t.Fatalf("list: got %d of %d, %v; want 3 of 5", len(first.Items), first.Total, err)
	}
	rest, err := c.List(ctx, client.ListOptions{PageSize: 3, After: first.Items[2].ID})
	if err != nil || len(rest.Items) != 2 || rest.Next != 0 {
		t.Errorf("list after: got %d items, next %d, %v; want 2 and none", len(rest.Items), rest.Next, err)
	}
	if err := c.Delete(ctx, made.ID); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.Delete(ctx, made.ID); !errors.Is(err, wire.ErrTokenNotFound) {
		t.Errorf("second delete: got %v, want %v", err, wire.ErrTokenNotFound)
	}
}

// An *Error has the answer's status, code and message, and the request ID.
func TestErrorText(t *testing.T) {
	target, _ := apitest.Serve(t)
	_, err := target.User(t, token.RoleUser).Create(t.Context(), wire.TokenInput{})
	var answer *client.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest || answer.RequestID == "" || !errors.Is(err, wire.ErrInvalidParameter) {
		t.Fatalf("got %v, want the API's error", err)
	}
	want := "name is required: give the token a name of 1 to 50 characters (invalid_parameter, request " + answer.RequestID + ")"
	if err.Error() != want {
		t.Errorf("got %q\nwant %q", err, want)
	}
}

// 64 concurrent creates compete for IDs. The API refuses some of them with 429,
// and the client retries until each has made one token.
func TestConcurrentCreatesAllSucceed(t *testing.T) {
	target, _ := apitest.Serve(t)
	c := target.User(t, token.RoleUser).Client
	const creates = 64
	ids := make([]int64, creates)
	keys := sync.Map{}
	var wg sync.WaitGroup
	for i := range creates {
		wg.Go(func() {
			made, err := c.Create(t.Context(), wire.TokenInput{Name: new(fmt.Sprint("n", i))})
			if err != nil {
				t.Errorf("create: %v", err)
				return
			}
			ids[i] = made.ID
			if _, twice := keys.LoadOrStore(made.Key, true); twice {
				t.Error("two creates answered one key")
			}
		})
	}
	wg.Wait()
	slices.Sort(ids)
	for i, id := range ids {
		if id != int64(i+1) {
			t.Fatalf("ids are %v, want 1 to %d", ids, creates)
		}
	}
	if page, err := c.List(t.Context(), client.ListOptions{}); err != nil || page.Total != creates {
		t.Errorf("total is %d, %v; want %d", page.Total, err, creates)
	}
}

// answersInTurn returns a client whose requests get one status after the other,
// then the last one again and again, and the count of requests.
func answersInTurn(t *testing.T, statuses ...int) (*client.Client, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := statuses[min(int(asked.Add(1)), len(statuses))-1]
		code := map[int]wire.Code{429: wire.ErrRateLimited, 503: wire.ErrUnavailable, 500: wire.ErrInternal}[status]
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"success":%t,"message":"","code":%q,"data":null}`, status == http.StatusOK, code)
	}))
	t.Cleanup(server.Close)
	return client.New(server.URL, "at-x"), &asked
}

// A call is retried only if a second attempt can do no harm.
func TestRetries(t *testing.T) {
	for _, row := range []struct {
		name     string
		statuses []int
		call     func(*client.Client) error
		asked    int64
		fails    bool
	}{
		{"a create that was refused is retried", []int{429, 429, 200}, func(c *client.Client) error { _, err := c.Create(t.Context(), wire.TokenInput{}); return err }, 3, false},
		{"a create in doubt is retried", []int{503, 200}, func(c *client.Client) error { _, err := c.Create(t.Context(), wire.TokenInput{}); return err }, 2, false},
		{"a delete in doubt is not retried", []int{503, 200}, func(c *client.Client) error { return c.Delete(t.Context(), 1) }, 1, true},
		{"a read is retried", []int{503, 503, 200}, func(c *client.Client) error { _, err := c.Get(t.Context(), 1); return err }, 3, false},
		{"an internal error is not retried", []int{500, 200}, func(c *client.Client) error { _, err := c.Get(t.Context(), 1); return err }, 1, true},
		{"a read gives up after 10 attempts", []int{503}, func(c *client.Client) error { _, err := c.Get(t.Context(), 1); return err }, 10, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, asked := answersInTurn(t, row.statuses...)
			err := row.call(c)
			if (err != nil) != row.fails || asked.Load() != row.asked {
				t.Errorf("asked %d times and got %v; want %d times, failure %t", asked.Load(), err, row.asked, row.fails)
			}
		})
	}
}

// An answer that is not the API's is ErrForeign, with the base URL.
func TestForeignServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	_, err := client.New(server.URL, "at-x").Get(t.Context(), 1)
	if want := server.URL + " answered 404 Not Found, which is not an answer of the token API: check the base URL"; !errors.Is(err, client.ErrForeign) || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// A redirect is not followed, so the access token stays with its server.
func TestRedirect(t *testing.T) {
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	moved := httptest.NewServer(http.RedirectHandler(target.URL+"/api/token/", http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	if _, err := client.New(moved.URL, u.AccessToken).List(t.Context(), client.ListOptions{}); !errors.Is(err, client.ErrForeign) {
		t.Errorf("got error %v, want %v", err, client.ErrForeign)
	}
}

// busy answers 429 with a Retry-After of 7 s.
func busy(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"success":false,"message":"x.","code":"rate_limited","request_id":"r"}`)),
	}, nil
}

// A retry waits for Retry-After and up to as much again, at random.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock goes on when all wait
		var asked []time.Time
		c := withTransport(roundTripper(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			asked = append(asked, time.Now())
			return busy(r, send)
		}))
		if _, err := c.Create(t.Context(), wire.TokenInput{}); !errors.Is(err, wire.ErrRateLimited) || len(asked) != 10 {
			t.Fatalf("got %v after %d requests, want it given up after 10", err, len(asked))
		}
		waits := map[time.Duration]bool{}
		for i, at := range asked[1:] {
			wait := at.Sub(asked[i])
			if waits[wait] = true; wait < 7*time.Second || wait > 14*time.Second {
				t.Errorf("a pause took %v, want 7 s to 14 s", wait)
			}
		}
		if len(waits) == 1 {
			t.Error("all pauses were the same: clients that were refused together would come back together")
		}
	})
}

// A change or a search that comes too fast is sent again after Retry-After,
// whatever it changes: nothing was done.
func TestChangesWait(t *testing.T) {
	for name, call := range map[string]func(context.Context, *client.Client) error{
		"update": func(ctx context.Context, c *client.Client) error {
			return errorOf(c.Update(ctx, 1, wire.UpdateInput{}))
		},
		"status":     func(ctx context.Context, c *client.Client) error { return errorOf(c.SetStatus(ctx, 1, token.Enabled)) },
		"rotate":     func(ctx context.Context, c *client.Client) error { return errorOf(c.Rotate(ctx, 1, 0)) },
		"raise":      func(ctx context.Context, c *client.Client) error { return errorOf(c.Raise(ctx, 1, wire.ExtraInput{})) },
		"delete":     func(ctx context.Context, c *client.Client) error { return c.Delete(ctx, 1) },
		"delete_all": func(ctx context.Context, c *client.Client) error { return errorOf(c.DeleteAll(ctx, []int64{1})) },
		"status_all": func(ctx context.Context, c *client.Client) error {
			return errorOf(c.SetStatusAll(ctx, []int64{1}, token.Enabled))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, asked := time.Now(), 0
				c := withTransport(roundTripper(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
					if asked++; asked == 1 {
						return busy(r, send)
					}
					return response(r, http.StatusOK, "", `{"success":true,"message":"","data":null}`), nil
				}))
				if err := call(t.Context(), c); err != nil || asked != 2 || time.Since(start) < 7*time.Second {
					t.Errorf("got %v after %d requests and %v, want success after 2 requests and 7 s", err, asked, time.Since(start))
				}
			})
		})
	}
}

// The end of the context ends a pause between attempts; the error has both
// reasons.
func TestContextEndsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := withTransport(roundTripper(busy)).Get(ctx, 1)
		if took := time.Since(start); took != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, wire.ErrRateLimited) {
			t.Errorf("got %v after %v, want both reasons after 3 s", err, took)
		}
	})
}

// Printing a client does not show its access token.
func TestPrintedClient(t *testing.T) {
	at := credential.NewAccessToken(1, 0).Reveal()
	if printed := fmt.Sprintf("%v %+v %#v", client.New("http://x", at), client.New("http://x", at), client.New("http://x", at)); strings.Contains(printed, at) {
		t.Error("a printed client shows its access token")
	}
}
