package dynamo

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// DynamoDB answers within milliseconds. The SDK's default timeouts would
// outlast the caller's.
const (
	attemptTimeout = time.Second
	dialTimeout    = 500 * time.Millisecond
)

// NewClient makes a client for a region, or for the engine at endpoint if that
// is not empty. By default the client sends a call again only if it was
// certainly not applied; a Store sets its own policy for each call.
func NewClient(region, endpoint string, creds aws.CredentialsProvider, options ...func(*dynamodb.Options)) *dynamodb.Client {
	o := dynamodb.Options{
		Region:      region,
		Credentials: creds,
		HTTPClient: &http.Client{Timeout: attemptTimeout, Transport: plainBodies{&http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 128, // a page may read as many buckets at once
			IdleConnTimeout:     time.Minute,
		}}},
		APIOptions: []func(*stack) error{addMeter},
	}
	retryNotApplied().configure(&o)
	if endpoint != "" {
		o.BaseEndpoint = &endpoint
	}
	return dynamodb.New(o, options...)
}

// plainBodies hides the method WriteTo of request bodies. The SDK closes the body
// as soon as it has the answer. If net/http then still looks for the end of the
// body, which is likely only on a busy processor, WriteTo of the SDK's body fails
// with io.EOF, net/http closes the connection, and the answer is lost although it
// has arrived. Read reports the end as it should.
type plainBodies struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p plainBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r = r.WithContext(r.Context()) // a copy: the caller's request must not change
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.next.RoundTrip(r)
}
