package dynamo

import (
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
		HTTPClient: &http.Client{Timeout: attemptTimeout, Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 128, // a page may read as many buckets at once
			IdleConnTimeout:     time.Minute,
		}},
		APIOptions: []func(*stack) error{addMeter},
	}
	retryNotApplied().configure(&o)
	if endpoint != "" {
		o.BaseEndpoint = &endpoint
	}
	return dynamodb.New(o, options...)
}
