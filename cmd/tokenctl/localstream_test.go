package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// expiring creates a token whose retention has ended, so that it may be removed.
// It sets the ttl itself, because the server counts retention from a change on.
func expiring(t *testing.T, s *tokenctltest.Server) {
	t.Helper()
	status, body := tokenctltest.Send(t, http.MethodPost, s.URL+"/api/token/", s.AccessToken, `{"name":"old"}`)
	var made struct{ Data struct{ ID int64 } }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("create: got %d %s, want 201", status, body)
	}
	client := dynamotest.Client(s.Endpoint)
	_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(dynamotest.Table),
		Key: map[string]types.AttributeValue{
			dynamo.PartitionKey: &types.AttributeValueMemberS{Value: "T#1#0"}, dynamo.SortKey: &types.AttributeValueMemberN{Value: fmt.Sprint(made.Data.ID)},
		},
		ConditionExpression: aws.String("attribute_exists(#h)"), UpdateExpression: aws.String("SET #t = :t"),
		ExpressionAttributeNames:  map[string]string{"#h": "hash", "#t": dynamo.TTL},
		ExpressionAttributeValues: map[string]types.AttributeValue{":t": &types.AttributeValueMemberN{Value: fmt.Sprint(time.Now().Unix() - 1)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func totalOf(t *testing.T, s *tokenctltest.Server) int {
	t.Helper()
	_, body := tokenctltest.Send(t, http.MethodGet, s.URL+"/api/token/", s.AccessToken, "")
	var page struct{ Data struct{ Total int } }
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatalf("list: got %s", body)
	}
	return page.Data.Total
}

// TestServeSweepsExpiredTokens checks that serve removes and counts each expired
// token once, even though the engine repeats old records after a restart.
func TestServeSweepsExpiredTokens(t *testing.T) {
	dir := t.TempDir()
	env := append(anyPort(dir), "TABLE_NAME="+dynamotest.Table)
	for run := range 3 {
		s := tokenctltest.Serve(t, env, "--sweep", "30ms")
		if status, body := tokenctltest.Send(t, http.MethodPost, s.URL+"/api/token/", s.AccessToken, `{"name":"lasting"}`); status != http.StatusCreated {
			t.Fatalf("create: got %d %s, want 201", status, body)
		}
		expiring(t, s)
		tokenctltest.Eventually(t, "the expired token is removed and counted", func() bool { return totalOf(t, s) == run+1 })
		kit := dynamotest.Kit{Endpoint: s.Endpoint}
		if got := kit.Audit(t, 1); len(got.IDs) != run+1 {
			t.Errorf("got tokens %v stored, want %d", got.IDs, run+1)
		}
		s.End(t, syscall.SIGKILL)
	}
}

// TestServeAddsUpUsage checks that serve has each charge in the history once, also
// those before it was killed, and that the engine does not keep the records of its
// stream.
func TestServeAddsUpUsage(t *testing.T) {
	dir := t.TempDir()
	env := append(anyPort(dir), "TABLE_NAME="+dynamotest.Table)
	var key string
	const runs, charges = 3, 20
	for run := range runs {
		s := tokenctltest.Serve(t, env)
		if run == 0 {
			_, body := tokenctltest.Send(t, http.MethodPost, s.URL+"/api/token/", s.AccessToken, `{"name":"a","unlimited_quota":true}`)
			var made struct{ Data struct{ Key string } }
			if err := json.Unmarshal([]byte(body), &made); err != nil {
				t.Fatalf("create: got %s", body)
			}
			key = made.Data.Key
		}
		for range charges {
			if _, body := tokenctltest.Send(t, http.MethodPost, s.URL+"/api/token/verify", key, `{"model":"m","quota":3}`); !strings.Contains(body, `"valid":true`) {
				t.Fatalf("verify: got %s", body)
			}
		}
		if run == runs-1 {
			store := dynamo.New(dynamotest.Client(s.Endpoint), dynamotest.Table)
			now := time.Now().Unix()
			tokenctltest.Eventually(t, "the history has all charges", func() bool {
				var sum history.Tally
				span := history.Span{From: now - history.DaySeconds, To: now + history.HourSeconds}
				err := store.EachOfToken(t.Context(), token.Address{UserID: 1, ID: 1}, span, func(p history.Period) { sum.Merge(p.Tally) })
				got := sum.Models["m"]
				return err == nil && got.Requests == runs*charges && got.Units == 3*runs*charges
			})
			tokenctltest.Eventually(t, "the records that were read are dropped", func() bool {
				records, err := stream.New(dynamotest.Client(s.Endpoint), dynamotest.Table).Next(t.Context())
				return err == nil && len(records) < 10
			})
		}
		s.End(t, syscall.SIGKILL)
	}
}

// TestServeDoesNotSweepGivenEngine checks that serve removes nothing from an engine
// that it did not start.
func TestServeDoesNotSweepGivenEngine(t *testing.T) {
	theirs := tokenctltest.Serve(t, append(anyPort(filepath.Join(t.TempDir(), "theirs")), "TABLE_NAME="+dynamotest.Table), "--sweep", "1h")
	ours := tokenctltest.Serve(t, append(anyPort(t.TempDir()), "DYNAMODB_ENDPOINT="+theirs.Endpoint, "TABLE_NAME="+dynamotest.Table), "--sweep", "1ms")
	expiring(t, ours)
	for range 20 {
		if got := totalOf(t, ours); got != 1 {
			t.Fatalf("got %d tokens, want the expired one to stay", got)
		}
	}
}
