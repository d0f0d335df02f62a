package dynamo

import (
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Connect opens a connection to DynamoDB, which the next call then uses: looking
// up the name and the TLS handshake take several round trips. It asks for no
// table, so it needs no permission and no units. If it fails, the next call opens
// a connection, as without Connect.
//
// DynamoDB answers GET / with its name; another answer would do as well.
func (s *Store) Connect(ctx context.Context) {
	o := s.client.Options()
	url := aws.ToString(o.BaseEndpoint)
	if url == "" {
		endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{Region: &o.Region}.WithDefaults())
		if err != nil {
			return
		}
		url = endpoint.URI.String()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	response, err := o.HTTPClient.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body) // else the connection can't be used again
	_ = response.Body.Close()
}
