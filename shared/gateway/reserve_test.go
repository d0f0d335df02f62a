package gateway_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gateway"
)

// A silence applies writes but answers none of them until it ends.
type silence struct {
	next  dynamodb.HTTPClient
	ended atomic.Bool
}

// Do implements dynamodb.HTTPClient.
func (s *silence) Do(r *http.Request) (*http.Response, error) {
	resp, err := s.next.Do(r)
	if err != nil || s.ended.Load() || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), dynamotest.UpdateItem) {
		return resp, err
	}
	_ = resp.Body.Close() // it is not read
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A reservation that gets no answer in time is refused, and its hold is released
// in the background as soon as the store answers again.
func TestReservationWithoutAnswerIsReleased(t *testing.T) {
	silent := new(silence)
	s := newServer(t, notCalled(t), gateway.Options{}, func(o *dynamodb.Options) { silent.next, o.HTTPClient = o.HTTPClient, silent })
	s.handler.SetReserveTimeout(200 * time.Millisecond)
	key, _ := s.newKey(t, 1000)
	for range 3 {
		silent.ended.Store(false)
		s.wantRefused(t, s.chatRequest(t, key, hello), http.StatusServiceUnavailable, errorBody("server_error", "unavailable",
			"The API key can't be checked at the moment. Wait for the number of seconds in Retry-After, then try again."))
		silent.ended.Store(true)
		s.handler.Wait()
		s.checkUsage(t, key, 1000, 0)
	}
	if n := strings.Count(s.log.String(), "hold released after a reservation without an answer"); n != 3 {
		t.Errorf("got %d log lines of releases, want 3", n)
	}
}
