package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/webhook"
)

// The example that the libraries of Standard Webhooks are tested with.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // of the examples of Standard Webhooks
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime      = 1614265330
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func parse(t testing.TB, text string) webhook.Secret {
	t.Helper()
	secret, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func headers(id, timestamp, signature string) http.Header {
	return http.Header{webhook.HeaderID: {id}, webhook.HeaderTimestamp: {timestamp}, webhook.HeaderSignature: {signature}}
}

// A webhook is signed as the libraries of Standard Webhooks sign it.
func TestSignsAsStandardWebhooks(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	webhook.SetHeader(header, []webhook.Secret{parse(t, exampleSecret)}, exampleID, time.Unix(exampleTime, 0), []byte(exampleBody))
	for name, want := range map[string]string{"webhook-id": exampleID, "webhook-timestamp": strconv.Itoa(exampleTime), "webhook-signature": exampleSignature} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// Verify accepts a webhook exactly if a secret has signed its headers and body, at a
// time not far from now.
func TestVerify(t *testing.T) {
	t.Parallel()
	secret, other := parse(t, exampleSecret), webhook.NewSecret()
	now := time.Unix(exampleTime, 0)
	timestamp := strconv.Itoa(exampleTime)
	signed := func(id, timestamp, body string) string { return signature(secret, id, timestamp, body) }
	right := headers(exampleID, timestamp, exampleSignature)
	for name, tt := range map[string]struct {
		header  http.Header
		body    string
		secrets []webhook.Secret
		now     time.Time
		want    error
	}{
		"right":                        {},
		"right_after_5_minutes":        {now: now.Add(5 * time.Minute)},
		"right_5_minutes_early":        {now: now.Add(-5 * time.Minute)},
		"right_with_the_second_secret": {secrets: []webhook.Secret{other, secret}},
		"right_with_another_version":   {header: headers(exampleID, timestamp, "v1a,AAAA "+exampleSignature)},
		"right_with_two_signatures":    {header: headers(exampleID, timestamp, signature(other, exampleID, timestamp, exampleBody)+" "+exampleSignature)},
		"another_body":                 {body: exampleBody + " ", want: webhook.ErrSignature},
		"another_id":                   {header: headers(exampleID+"x", timestamp, exampleSignature), want: webhook.ErrSignature},
		"another_time":                 {header: headers(exampleID, strconv.Itoa(exampleTime+1), exampleSignature), want: webhook.ErrSignature},
		"another_secret":               {secrets: []webhook.Secret{other}, want: webhook.ErrSignature},
		"no_secret":                    {secrets: []webhook.Secret{}, want: webhook.ErrSignature},
		"zero_secret":                  {header: headers(exampleID, timestamp, signature(webhook.Secret{}, exampleID, timestamp, exampleBody)), secrets: []webhook.Secret{{}}, want: webhook.ErrSignature},
		"short_secret":                 {header: headers(exampleID, timestamp, signature(webhook.SecretOf([]byte("short")), exampleID, timestamp, exampleBody)), secrets: []webhook.Secret{webhook.SecretOf([]byte("short"))}, want: webhook.ErrSignature},
		"signature_without_version":    {header: headers(exampleID, timestamp, strings.TrimPrefix(exampleSignature, "v1,")), want: webhook.ErrSignature},
		"signature_of_another_version": {header: headers(exampleID, timestamp, "v2"+strings.TrimPrefix(exampleSignature, "v1")), want: webhook.ErrSignature},
		"empty_signature":              {header: headers(exampleID, timestamp, "v1,"), want: webhook.ErrSignature},
		"part_of_the_signature":        {header: headers(exampleID, timestamp, exampleSignature[:len(exampleSignature)-4]), want: webhook.ErrSignature},
		"too_old":                      {now: now.Add(5*time.Minute + time.Second), want: webhook.ErrTimestamp},
		"too_new":                      {now: now.Add(-5*time.Minute - time.Second), want: webhook.ErrTimestamp},
		"time_with_a_sign":             {header: headers(exampleID, "+"+timestamp, signed(exampleID, "+"+timestamp, exampleBody)), want: webhook.ErrHeaders},
		"time_that_is_no_number":       {header: headers(exampleID, "now", signed(exampleID, "now", exampleBody)), want: webhook.ErrHeaders},
		"time_that_overflows":          {header: headers(exampleID, "1"+timestamp+timestamp, signed(exampleID, "1"+timestamp+timestamp, exampleBody)), want: webhook.ErrHeaders},
		"part_of_the_id_in_the_body":   {header: headers("msg", timestamp, signed("msg", timestamp, timestamp+".{}")), body: timestamp + ".{}"},
		"part_of_the_body_in_the_id":   {header: headers("msg."+timestamp, timestamp, signed("msg", timestamp, timestamp+".{}")), body: "{}", want: webhook.ErrHeaders},
		"no_id":                        {header: headers("", timestamp, signed("", timestamp, exampleBody)), want: webhook.ErrHeaders},
		"two_ids":                      {header: http.Header{webhook.HeaderID: {exampleID, "b"}, webhook.HeaderTimestamp: {timestamp}, webhook.HeaderSignature: {exampleSignature}}, want: webhook.ErrHeaders},
		"no_headers":                   {header: http.Header{}, want: webhook.ErrHeaders},
		"signature_in_another_base64":  {header: headers(exampleID, timestamp, strings.NewReplacer("+", "-", "/", "_").Replace(exampleSignature)), want: webhook.ErrSignature},
		"signature_with_trailing_bits": {header: headers(exampleID, timestamp, strings.TrimSuffix(exampleSignature, "E=")+"F="), want: webhook.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, body, secrets, at := right, exampleBody, []webhook.Secret{secret}, now
			if tt.header != nil {
				header = tt.header
			}
			if tt.body != "" {
				body = tt.body
			}
			if tt.secrets != nil {
				secrets = tt.secrets
			}
			if !tt.now.IsZero() {
				at = tt.now
			}
			if err := webhook.Verify(secrets, header, []byte(body), at); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// signature signs with the standard library alone.
func signature(secret webhook.Secret, id, timestamp, body string) string {
	mac := hmac.New(sha256.New, secret.Key())
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body) // a hash never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify never accepts what no secret has signed, and always what one has.
func FuzzVerify(f *testing.F) {
	f.Add(exampleID, strconv.Itoa(exampleTime), exampleSignature, exampleBody, int64(exampleTime))
	f.Add(exampleID, strconv.Itoa(exampleTime), "v1,AAAA "+exampleSignature, exampleBody, int64(exampleTime+300))
	f.Add("msg.1614265330", "1614265330", "v1a,"+exampleSignature, "{}", int64(0))
	f.Add(exampleID, strconv.Itoa(exampleTime), exampleSignature, exampleBody+" ", int64(exampleTime))
	f.Fuzz(func(t *testing.T, id, timestamp, signatures, body string, now int64) {
		secrets := []webhook.Secret{webhook.SecretOf([]byte(strings.Repeat("k", 32))), parse(t, exampleSecret)}
		seconds, bad := strconv.ParseInt(timestamp, 10, 64)
		inTime := bad == nil && strconv.FormatInt(seconds, 10) == strings.TrimLeft(timestamp, "0") && seconds > 0 &&
			now > 0 && now < 1<<40 && seconds < 1<<40 && max(now-seconds, seconds-now) <= 300
		signed := slices.ContainsFunc(secrets, func(s webhook.Secret) bool {
			return slices.Contains(strings.Split(signatures, " "), signature(s, id, timestamp, body))
		})
		err := webhook.Verify(secrets, headers(id, timestamp, signatures), []byte(body), time.Unix(now, 0))
		if err == nil && !signed {
			t.Fatalf("accepted %q %q %q %q, which no secret has signed", id, timestamp, signatures, body)
		}
		if err == nil && !inTime && now > 0 && now < 1<<40 {
			t.Fatalf("accepted the time %q at %d", timestamp, now)
		}
		if id == "" || len(id) > 128 || strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") != "" || !inTime {
			return
		}
		for _, s := range secrets {
			if err := webhook.Verify(secrets, headers(id, timestamp, signature(s, id, timestamp, body)), []byte(body), time.Unix(now, 0)); err != nil {
				t.Fatalf("refused a right signature: %v", err)
			}
		}
	})
}

// A secret is 24 to 64 bytes, and does not print.
func TestSecret(t *testing.T) {
	t.Parallel()
	a, b := webhook.NewSecret(), webhook.NewSecret()
	if a.Reveal() == b.Reveal() || len(a.Key()) != 32 || !strings.HasPrefix(a.Reveal(), "whsec_") {
		t.Errorf("got secrets of %d bytes, want two different ones of 32", len(a.Key()))
	}
	if again, err := webhook.ParseSecret(" " + a.Reveal() + "\n"); err != nil || again.Reveal() != a.Reveal() {
		t.Errorf("parse: got %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s %q", a, a, struct{ S webhook.Secret }{a}, []webhook.Secret{a}, a); strings.Contains(text, a.Reveal()[10:30]) {
		t.Error("the secret was printed")
	}
	for _, text := range []string{"", "whsec_", strings.TrimPrefix(a.Reveal(), "whsec_"), "whsec_!" + a.Reveal()[7:], webhook.SecretOf(make([]byte, 23)).Reveal(), webhook.SecretOf(make([]byte, 65)).Reveal()} {
		if _, err := webhook.ParseSecret(text); !errors.Is(err, webhook.ErrSecret) {
			t.Errorf("parse of %d characters: got %v, want ErrSecret", len(text), err)
		}
	}
}
