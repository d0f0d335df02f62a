package dynamo

import (
	"bytes"
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
		HTTPClient: &HTTPClient{http.Client{Timeout: attemptTimeout, Transport: &http.Transport{
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

// An HTTPClient sends requests of the SDK. It passes their bodies to net/http in memory:
// net/http then sends header and body in one packet, and the SDK, which closes a body as
// soon as it has the answer, does not take it from net/http, which may still look for its
// end and, if it can't, closes the connection and loses the answer.
//
// It does so in front of http.Client. If its Transport is of another type than net/http's
// own, http.Client takes two goroutines and two timers for the time-out of a request.
type HTTPClient struct{ Client http.Client }

// Do implements dynamodb.HTTPClient.
func (c *HTTPClient) Do(r *http.Request) (*http.Response, error) {
	if r.ContentLength > 0 {
		content := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, content); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(content))
	}
	return c.Client.Do(r)
}
