package dynamo_test

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// An interrupter acts just before each of a client's calls of one operation.
type interrupter struct {
	op    string
	act   func()
	calls atomic.Int64
	next  dynamodb.HTTPClient
}

func (i *interrupter) configure(o *dynamodb.Options) { i.next, o.HTTPClient = o.HTTPClient, i }

func (i *interrupter) Do(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+i.op) {
		i.calls.Add(1)
		i.act()
	}
	return i.next.Do(r) //nolint:wrapcheck // it is the client's
}
