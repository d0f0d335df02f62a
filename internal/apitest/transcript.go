package apitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// A transcript records all answers, log lines and secrets of a test. Its check
// fails the test if an answer or a log line shows a secret, or if a request or
// an answer does not match the API's OpenAPI document.
type transcript struct {
	document   *openapitest.Document
	mu         sync.Mutex
	log        bytes.Buffer
	answers    []string // without the keys that a create or a rotation shows
	secrets    []string
	mismatches []string // with the document
}

// Write records log lines.
func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.log.Write(p)
}

func (tr *transcript) addSecret(secret string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.secrets = append(tr.secrets, secret)
}

// RoundTrip sends a request, and records its answer and any mismatch with the
// document.
func (tr *transcript) RoundTrip(r *http.Request) (*http.Response, error) {
	return tr.roundTrip(r, func(mismatch string) { tr.mismatches = append(tr.mismatches, mismatch) })
}

// A reporter is a transcript that reports mismatches at once, so that they
// belong to the sub-test that sent the request.
type reporter struct {
	*transcript
	report func(mismatch string)
}

// RoundTrip implements http.RoundTripper.
func (re reporter) RoundTrip(r *http.Request) (*http.Response, error) {
	return re.roundTrip(r, re.report)
}

// roundTrip records the answer. Only a create, a rotation, and a request for the
// keys of new tokens may show a key.
func (tr *transcript) roundTrip(r *http.Request, report func(mismatch string)) (*http.Response, error) {
	sent, err := readBody(r)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(content))
	if err != nil {
		return answer, err
	}
	mismatch := tr.document.Check(openapitest.Exchange{Request: r, Sent: sent, Status: answer.StatusCode, Header: answer.Header, Body: content})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if mismatch != nil {
		report(credential.Redact(mismatch.Error()))
	}
	if r.Method == http.MethodPost && (answer.StatusCode == http.StatusCreated || strings.Contains(r.URL.Path, "/rotate")) {
		for _, key := range capture.FindCredentials(string(content)) {
			tr.secrets = append(tr.secrets, key)
			content = bytes.ReplaceAll(content, []byte(key), nil)
		}
	}
	if path := strings.TrimSuffix(r.URL.Path, "/"); strings.HasSuffix(path, "/key") || strings.HasSuffix(path, "/batch/keys") {
		for _, secret := range tr.secrets {
			content = bytes.ReplaceAll(content, []byte(bare(secret)), nil)
		}
	}
	tr.answers = append(tr.answers, fmt.Sprint(answer.Header, string(content)))
	return answer, err
}

// bare is a secret without its prefix.
func bare(secret string) string { return strings.TrimPrefix(secret, credential.KeyPrefix) }

// readBody returns a copy of a request's body.
func readBody(r *http.Request) ([]byte, error) {
	if r.GetBody == nil {
		return nil, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // it is in memory
	return io.ReadAll(body)
}

const mismatchFormat = "not as shared/api/openapi.yaml says: %s"

func (tr *transcript) check(t testing.TB) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	const shown = 10
	for i, mismatch := range tr.mismatches {
		if i == shown {
			t.Errorf("… and %d more mismatches with shared/api/openapi.yaml", len(tr.mismatches)-shown)
			break
		}
		t.Errorf(mismatchFormat, mismatch)
	}
	answers := strings.Join(tr.answers, "\n")
	for _, secret := range tr.secrets {
		if strings.Contains(tr.log.String(), bare(secret)) {
			t.Errorf("the log shows the secret %s", credential.NewSecret(secret))
		}
		if strings.Contains(answers, bare(secret)) {
			t.Errorf("an answer shows the secret %s", credential.NewSecret(secret))
		}
	}
	if found := capture.FindCredential(answers + tr.log.String()); found != "" {
		t.Errorf("an answer or the log shows a credential, %s", credential.NewSecret(found))
	}
}
