package boot_test

import (
	"bytes"
	"log"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
)

// invokeSilently fails the test unless a payload is answered in the envelope and
// no library logs anything.
func invokeSilently(t *testing.T, h lambda.Handler, payload []byte) {
	t.Helper()
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	invoke(t, h, payload)
	if logged.Len() > 0 {
		t.Errorf("got %q from package log, want nothing", logged.String())
	}
}

// Every request that an event can describe gets an answer in the envelope.
func FuzzHandler(f *testing.F) {
	h, s := serve(f)
	const name, value, domain = "content-type", "application/json", "api.test"
	f.Add("/api/token", "p=1&page_size=20", "GET", name, value, domain, "", false, true)
	f.Add("/api/token/", "", "POST", name, value, domain, `{"name":"a"}`, false, true)
	f.Add("/api/token", "", "POST", "idempotency-key", "a,b", domain, "eyJuYW1lIjoiYSJ9", true, true)
	f.Add("/api/token", "", "POST", name, value, domain, "eyJ%", true, true)
	f.Add("/api/token", "status_only=true", "PUT", name, "text/plain; x=\"", domain, `{"id":2,"status":2}`, false, true)
	f.Add("/api/token/2", "", "DELETE", "if-match", `"1","2"`, domain, "", false, true)
	f.Add("/api/token/%", "p=%zz", "GET", "host", "[::1%", "[::1%?#@/ ", "", false, true)
	f.Add("/api/token/?p=2", "#?", "get", "authorization", "Bearer", "", "", false, false)
	f.Add("/api/token/2 #\n\x00", ";", "GE T", "sp ace", "a\r\nb: c", "a\nb", "\xff", false, true)
	f.Add("//host/api/token", "", "CONNECT", "", "", "user:pass@host:99999", "", false, true)
	f.Add("api/token", "", "", "content-length", "-1", "\xff\xfe", "", true, true)
	f.Add("https://a/%2e%2e/\xff", "", "PRI", "transfer-encoding", "chunked", "..", "%%%", true, false)
	f.Add("", "", "\x00", "authorization", "sk-", "", "", false, false)
	f.Fuzz(func(t *testing.T, path, query, method, name, value, domain, body string, encoded, authorized bool) {
		e := request(method, path)
		e.RawQueryString, e.Body, e.IsBase64Encoded = query, body, encoded
		e.RequestContext.DomainName = domain
		e.Headers[name] = value
		if authorized {
			e.Headers["authorization"] = "Bearer " + s.at.Reveal()
		}
		invokeSilently(t, h, payload(t, e))
	})
}

// Every payload gets an answer in the envelope.
func FuzzPayload(f *testing.F) {
	h, s := serve(f)
	for _, name := range eventNames(f, "") {
		// The placeholders stay in the corpus: every run has its own credentials.
		f.Add(eventText(f, name))
	}
	for _, tt := range foreignPayloads() {
		if len(tt.payload) < 1<<10 {
			f.Add([]byte(tt.payload))
		}
	}
	f.Add([]byte("{\"rawPath\":\"/\xff\",\"requestContext\":{\"http\":{\"method\":\"G\xffT\"}}}"))
	f.Add([]byte(`{"rawPath":"/api/token","requestContext":{"requestId":"` + "\\u0000" + `","http":{"method":"GET"}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		invokeSilently(t, h, s.withCredentials(payload))
	})
}
