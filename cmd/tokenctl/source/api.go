package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// An API is the HTTP API of another system.
type API struct {
	URL         string // without a final slash
	AccessToken string
	User        string // ID of its user, which New API wants in a header; may be empty

	// Wait waits, and returns an error if ctx ends. If the wait is long, why is what to
	// tell the user.
	Wait func(ctx context.Context, d time.Duration, why string) error

	Warn func(text string) // of what is missing, with "it" for the system; nil drops it
}

// Limits of one request, and of the waits if the other system wants fewer requests.
// New API gives 20 requests for keys in 20 minutes, and does not say when the next
// may be sent.
const (
	timeout     = time.Minute
	maxAttempts = 3 // if an answer is lost, cut off, or 5xx
	maxWaits    = 25 * time.Minute
	waitStep    = time.Minute
)

// A statusError is an answer that is neither 2xx nor one that may soon be.
type statusError struct {
	status  int
	message string // of the system, without credentials; may be empty
	liteLLM bool
}

func (e *statusError) Error() string {
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if e.liteLLM {
			return fmt.Sprintf("it refused the key (%d): use its master key, or the key of a user who may list all keys", e.status)
		}
		return fmt.Sprintf("it refused the access token (%d): make one in its console as a user who may list the tokens; New API also needs the ID of that user, in --from-user", e.status)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fmt.Sprintf("it has no such list of tokens (%d): check the URL, which is that of its console, and --from", e.status)
	case http.StatusTooManyRequests:
		return "it allows no more requests for now (429): wait, then run the same command again"
	default:
		return fmt.Sprintf("it answered with status %d: check that it works, then run the same command again", e.status)
	}
}

// errCutOff means that an answer ended too early.
var errCutOff = errors.New("its answer was cut off: run the same command again")

// call sends a request until there is an answer, and decodes that.
func (a API) call(ctx context.Context, method, path string, body, answer any) error {
	var waited time.Duration
	for attempt := 1; ; attempt++ {
		pause, err := a.once(ctx, method, path, body, answer)
		var refused *statusError
		isRefused := errors.As(err, &refused)
		switch {
		case err == nil, ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case isRefused && refused.status == http.StatusTooManyRequests && waited+pause <= maxWaits:
			waited += pause
			attempt--
			err = a.Wait(ctx, pause, fmt.Sprintf("it allows no more requests for now; trying again in %s", pause))
		case attempt < maxAttempts && (isRefused && refused.status >= http.StatusInternalServerError || errors.Is(err, errCutOff)):
			err = a.Wait(ctx, time.Duration(attempt)*time.Second, "")
		default:
			return err
		}
		if err != nil {
			return err
		}
	}
}

// once sends a request once. pause is how long to wait after 429.
func (a API) once(ctx context.Context, method, path string, body, answer any) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(content))
	if err != nil {
		return 0, errors.New("its URL is not valid: check it")
	}
	r.Header.Set("Authorization", "Bearer "+a.AccessToken)
	r.Header.Set("Content-Type", "application/json")
	if a.User != "" {
		r.Header.Set("New-Api-User", a.User)
	}
	client := http.Client{CheckRedirect: sameHost}
	response, err := client.Do(r)
	if err != nil {
		return 0, unreached(err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read as far as needed
	if response.StatusCode/100 != http.StatusOK/100 {
		const most = 4 << 10
		content, _ = io.ReadAll(io.LimitReader(response.Body, most)) // without it there is no message
		var said struct{ Message string }
		_ = json.Unmarshal(content, &said)
		return pauseOf(response.Header.Get("Retry-After")), &statusError{status: response.StatusCode, message: a.said(said.Message)}
	}
	content, err = io.ReadAll(io.LimitReader(response.Body, MaxBytes+1))
	switch {
	case err != nil:
		return 0, errCutOff
	case len(content) > MaxBytes:
		return 0, fmt.Errorf("one answer is larger than %d MiB: export the tokens from the database", MaxBytes>>20)
	}
	var syntax *json.SyntaxError
	err = json.Unmarshal(content, answer)
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(content)) && len(content) > 0:
		return 0, errCutOff
	default:
		return 0, errors.New("its answer is not a list of tokens: check the URL, which is that of its console, and --from")
	}
}

// sameHost follows a redirect only where the access token may be sent.
func sameHost(next *http.Request, via []*http.Request) error {
	const most = 5
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return fmt.Errorf("it redirects to %s://%s, and the access token is not sent there: if that is the other system, use that URL", next.URL.Scheme, next.URL.Host)
	}
	if len(via) >= most {
		return errors.New("it redirects in circles: check the URL")
	}
	return nil
}

// unreached returns the reason why there is no answer, without the URL.
func unreached(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it did not answer within %s: check that it works, then run the same command again", timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errCutOff
	case strings.HasPrefix(err.Error(), "it redirects"):
		return err
	default:
		return fmt.Errorf("it can't be reached (%w): check the URL and that it runs", err)
	}
}

// pauseOf returns the length of a Retry-After in seconds, or what New API may need.
func pauseOf(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 1 {
		return waitStep
	}
	return time.Duration(seconds) * time.Second
}

// warn passes a text on.
func (a API) warn(text string) {
	if a.Warn != nil {
		a.Warn(text)
	}
}

// said returns a message of the other system for an error, without credentials.
func (a API) said(message string) string {
	const longest = 200
	message = credential.Redact(strings.ReplaceAll(message, a.AccessToken, "…"))
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, message)
	if letters := []rune(message); len(letters) > longest {
		message = string(letters[:longest]) + "…"
	}
	return message
}
