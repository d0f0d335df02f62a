// Package delivery makes the HTTP requests of webhooks, and decides after each
// attempt whether there is another.
package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// Timeout is how long an attempt waits for the head of the answer. Its body is not
// read.
const Timeout = 15 * time.Second

// TestTimeout is how long a test waits, for which somebody waits. It is shorter than the
// time limit of a request to the API.
const TestTimeout = 4 * time.Second

const maxHeaderBytes = 16 << 10

// A Client makes attempts. It connects to public addresses only, follows no redirect
// and uses no proxy. It is safe for concurrent use.
type Client struct {
	rules   webhook.Rules
	now     func() time.Time
	timeout time.Duration
	dialer  net.Dialer
	http    *http.Client
}

// NewClient returns a Client whose attempts take up to a time, such as Timeout.
func NewClient(rules webhook.Rules, timeout time.Duration, now func() time.Time) *Client {
	c := &Client{rules: rules, now: now, timeout: timeout, dialer: net.Dialer{Timeout: timeout}}
	// Control gets the address that the name was resolved to, just before the
	// connection is made. An earlier check would miss a name that resolves to another
	// address the next time.
	c.dialer.Control = func(_, address string, _ syscall.RawConn) error {
		resolved, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("parse the address of a webhook: %w", err)
		}
		return rules.CheckAddress(resolved.Addr())
	}
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return c.dialer.DialContext(ctx, network, address)
			},
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    timeout, // a handshake does not end with the context of its request
			DisableKeepAlives:      true,    // each attempt resolves the name, and its address is checked
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
	}
	return c
}

// Send makes one attempt to deliver an event to an endpoint. Number is that of the
// attempt, from 1.
func (c *Client) Send(ctx context.Context, e webhook.Endpoint, happened event.Event, number int) webhook.Attempt {
	started := c.now()
	a := webhook.Attempt{EventID: happened.ID, EventType: happened.Type, Time: started.Unix(), Number: number}
	if c.rules.CheckURL(e.URL) != nil {
		a.Failure = webhook.FailURL
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.post(ctx, e, happened, started)
	a.Took = c.now().Sub(started)
	if err != nil {
		a.Failure = failureOf(err)
		return a
	}
	_ = answer.Body.Close()
	a.Status = answer.StatusCode
	switch {
	case a.Status < http.StatusMultipleChoices: // 1xx is no final answer
	case a.Status < http.StatusBadRequest:
		a.Failure = webhook.FailRedirect
	case a.Status == http.StatusGone:
		a.Failure = webhook.FailGone
	default:
		a.Failure = webhook.FailStatus
		if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
			a.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), started)
		}
	}
	return a
}

func (c *Client) post(ctx context.Context, e webhook.Endpoint, happened event.Event, at time.Time) (*http.Response, error) {
	body, err := happened.Encode()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request of a webhook: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Latchkey-Webhooks/1")
	webhook.SetHeader(request.Header, e.Secrets(at.Unix()), happened.ID, at, body)
	return c.http.Do(request)
}

// retryAfter reads the header Retry-After: seconds, or a date (RFC 9110, 10.2.3).
// It is 0 without one.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		longest := int64(webhook.MaxAge / time.Second)
		return time.Duration(min(max(seconds, 0), longest)) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), webhook.MaxAge)
	}
	return 0
}

// failureOf names the cause of an error without its text, which may quote what the
// receiver has sent.
func failureOf(err error) webhook.Failure {
	var (
		address     *webhook.AddressError
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		hostname    x509.HostnameError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		network     net.Error
	)
	switch {
	case errors.As(err, &address):
		return webhook.FailAddress
	case errors.As(err, &name) && !name.IsTimeout:
		return webhook.FailName
	case errors.As(err, &certificate), errors.As(err, &hostname), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return webhook.FailTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return webhook.FailTimeout
	default:
		return webhook.FailConnection
	}
}
