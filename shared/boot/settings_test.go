package boot_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// keepsExpiredTokens checks that DynamoDB may remove a token RETENTION_DAYS after
// its expiry, and not before.
func keepsExpiredTokens(t *testing.T, binary string) {
	const day, expires = 24 * 60 * 60, 4_000_000_000
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	f := lambdatest.Start(t, binary, append(environment(kit), "RETENTION_DAYS=7")...)
	e := request("POST", "/api/token", func(e *event) {
		e.Headers["authorization"] = s.at.Reveal()
		e.Body = fmt.Sprintf(`{"name":"a","expired_time":%d}`, expires)
	})
	answer, err := f.Invoke(t.Context(), payload(t, e))
	if err != nil || checkEnvelope(t, answer).StatusCode != http.StatusCreated {
		t.Fatalf("got %s, %v, want 201", answer, err)
	}
	rows, err := kit.Client.Scan(t.Context(), &dynamodb.ScanInput{
		TableName: aws.String(dynamotest.Table), FilterExpression: aws.String("sk = :id"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":id": &types.AttributeValueMemberN{Value: fmt.Sprint(lastID + 1)}},
	})
	if err != nil || len(rows.Items) != 1 {
		t.Fatalf("got %d items of the new token, %v, want 1", len(rows.Items), err)
	}
	got, _ := rows.Items[0][dynamo.TTL].(*types.AttributeValueMemberN)
	if want := fmt.Sprint(expires + 7*day); got == nil || got.Value != want {
		t.Errorf("got ttl %v, want %s", got, want)
	}
}

// logsAtLogLevel checks that LOG_LEVEL=error leaves out lines of a lower level.
func logsAtLogLevel(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	f := lambdatest.Start(t, binary, append(environment(kit), "LOG_LEVEL=error")...)
	if _, err := f.Invoke(t.Context(), readEvent(t, "list", s)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Invoke(t.Context(), []byte("not an event")); err != nil {
		t.Fatal(err)
	}
	f.Stop()
	if got := logLines(t, f); len(got) != 1 || got[0].Level != "ERROR" {
		t.Errorf("got lines %+v, want only the error", got)
	}
}

// logsJSONWithoutRuntime checks that what a library logs is JSON, too:
// aws-lambda-go logs if the Runtime API does not answer.
func logsJSONWithoutRuntime(t *testing.T, binary string) {
	const nowhere = "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9"
	f := lambdatest.Start(t, binary, "TABLE_NAME=none", "DYNAMODB_ENDPOINT=http://127.0.0.1:9", nowhere)
	if got, err := f.ExitCode(t.Context()); err != nil || got != 1 {
		t.Errorf("got exit code %d, %v, want 1", got, err)
	}
	if got := logLines(t, f); len(got) != 1 {
		t.Errorf("got %q on stdout, want one line of JSON", f.Stdout())
	}
	if got := f.Stderr(); len(got) > 0 {
		t.Errorf("got %q on stderr, want nothing", got)
	}
}

// A function accepts keys of other systems only if FOREIGN_KEYS is true.
func TestForeignKeysSetting(t *testing.T) {
	t.Parallel()
	const key = "sk-1234567890abcdefghij"
	kit := dynamotest.New(t)
	kit.Tenant(t, "importer")
	users := &token.UserService{Store: kit.Store, Now: time.Now}
	imported := token.ForeignToken{
		Settings: token.Settings{Name: new("a"), UnlimitedQuota: new(true)},
		Hash:     credential.ForeignKey(credential.NewSecret(key), 0, 0).Hash(), Mask: credential.ForeignMask(key), From: "litellm",
	}
	if _, err := users.ImportTokens(t.Context(), "importer", []token.ForeignToken{imported}); err != nil {
		t.Fatal(err)
	}
	for _, accepted := range []bool{true, false} {
		g := boot.Environment{ForeignKeys: accepted}.Gate(kit.Store)
		if v, err := g.Verify(t.Context(), key, quota.Question{}); err != nil || v.Valid() != accepted || g.CouldBeKey(key) != accepted || g.CouldBeKey("sk-short") {
			t.Errorf("got %+v, %v, want it accepted: %v", v.Reason, err, accepted)
		}
	}
}

// A function records uses of keys unless NO_USE_RECORDS is true.
func TestUseRecordsSetting(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "tenant")
	for _, off := range []bool{true, false} {
		_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (boot.Environment{NoUseRecords: off}).Gate(kit.Store).Verify(t.Context(), key.Reveal(), quota.Question{}); err != nil {
			t.Fatal(err)
		}
		if got, err := tenant.Get(t.Context(), tenant.Access, key.TokenID); err != nil || (got.LastUse.Time == 0) != off {
			t.Errorf("off: %t: got last use %+v, %v", off, got.LastUse, err)
		}
	}
}
