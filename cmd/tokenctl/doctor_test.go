package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// TestDoctorWithoutPermission checks that what may not be read is never reported
// as fine, and that the exit code says so.
func TestDoctorWithoutPermission(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	engine, err := url.Parse(kit.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for operation, check := range map[string]string{"DescribeTimeToLive": "time to live", "Query": "counts"} {
		t.Run(operation, func(t *testing.T) {
			forward := httputil.NewSingleHostReverseProxy(engine)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+operation) {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write([]byte(`{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized"}`))
					return
				}
				forward.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			r := tokenctltest.Run(t, []string{"DYNAMODB_ENDPOINT=" + server.URL, "TABLE_NAME=" + dynamotest.Table}, "doctor")
			want := "not checked  " + check + ": needs the permission dynamodb:" + operation + ".\n"
			if r.Code != 1 || !strings.Contains(r.Stdout, want) || strings.Contains(r.Stdout, "ok           "+check) {
				t.Errorf("got exit %d and\n%s%s\nwant exit 1 and %q", r.Code, r.Stdout, r.Stderr, want)
			}
		})
	}
}

// TestDoctorWithoutWebhooks refuses to read the webhooks of two users. Only their check
// fails, once, and the others report what they find.
func TestDoctorWithoutWebhooks(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	for _, name := range []string{"alice", "bob"} {
		tenant := kit.Tenant(t, name)
		_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		if name == "alice" {
			if _, err := gate.New(kit.Store).Revoke(t.Context(), key.Reveal()); err != nil {
				t.Fatal(err)
			}
		}
	}
	engine, err := url.Parse(kit.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(engine)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Query") && bytes.Contains(body, []byte(`"E#`)) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized"}`))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	r := tokenctltest.Run(t, []string{"DYNAMODB_ENDPOINT=" + server.URL, "TABLE_NAME=" + dynamotest.Table}, "doctor")
	for _, want := range []string{
		"not checked  failing webhooks: needs the permission dynamodb:Query.\n", "ok           counts: ",
		"warning      leaked keys: user alice has 1: tokens 1;", "warning      keys without limit or expiry: user bob has 1: tokens 1.",
	} {
		if r.Code != 1 || strings.Count(r.Stdout, want) != 1 {
			t.Errorf("got exit %d and\n%s%s\nwant exit 1 and %q once", r.Code, r.Stdout, r.Stderr, want)
		}
	}
}

// TestDoctorIdleKeys reports keys that were not charged for a time.
func TestDoctorIdleKeys(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "alice") // its clock is in the past
	for range 7 {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	days := int(time.Since(tenant.Clock.Now()).Hours() / 24)
	got := tokenctltest.Succeed(t, env, "doctor", "--idle-days", "1")
	if days < 2 || !strings.Contains(got, "warning      idle keys: user alice has 7: tokens 7, 6, 5, 4, 3, …; charged nothing for 1 days.\n") {
		t.Errorf("got %s, want 7 idle keys after %d days", got, days)
	}
	if got := tokenctltest.Succeed(t, env, "doctor", "--idle-days", "100000"); !strings.Contains(got, "ok           idle keys") {
		t.Errorf("got %s, want no idle keys", got)
	}
}

// TestDoctorFailingWebhooks reports webhooks that fail, and since when, and those that are
// disabled for it; not those that work again or that their user has disabled.
func TestDoctorFailingWebhooks(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "alice")
	hooks := &webhook.Service{Store: kit.Store, Now: tenant.Clock.Now}
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	if got := tokenctltest.Succeed(t, env, "doctor"); !strings.Contains(got, "ok           failing webhooks") {
		t.Errorf("got %s, want none", got)
	}
	since := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	for id := range int64(webhook.MaxEndpoints) {
		e, err := hooks.Create(t.Context(), tenant.Access, webhook.Settings{URL: new("https://example.com/secret?secret")}, webhook.NewSecret())
		if err != nil {
			t.Fatal(err)
		}
		failed := webhook.Attempt{Time: since.Unix() + id, Failure: webhook.FailTimeout}
		if e.ID == 3 {
			failed.Failure, failed.Status = webhook.FailGone, http.StatusGone
		}
		if e, err = kit.Store.RecordAttempt(t.Context(), e, failed); err != nil {
			t.Fatal(err)
		}
		switch e.ID {
		case 2:
			err = kit.Store.DisableEndpoint(t.Context(), e, webhook.Failing, since)
		case 3:
			err = kit.Store.DisableEndpoint(t.Context(), e, webhook.Gone, since)
		case 4:
			_, err = kit.Store.RecordAttempt(t.Context(), e, webhook.Attempt{Time: since.Unix()})
		case 5:
			_, err = hooks.Update(t.Context(), tenant.Access, 5, webhook.Settings{Disabled: new(true)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "warning      failing webhooks: user alice has 3: webhook 1 to example.com fails since 2026-11-27T09:00:00Z (timeout), 2 to example.com is disabled (timeout), 3 to example.com is disabled (status 410); ask the user to repair the receivers and to enable what is disabled.\n             $ tokenctl audit --user alice\n"
	if got := tokenctltest.Succeed(t, env, "doctor"); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDoctorJudges checks what the answers of AWS mean.
func TestDoctorJudges(t *testing.T) {
	t.Parallel()
	prod := &doctor{stage: &stage{name: "prod", status: "UPDATE_COMPLETE"}, db: &database{table: "t"}}
	dev := &doctor{stage: &stage{name: "dev", status: "UPDATE_ROLLBACK_FAILED"}, db: &database{table: "t"}}
	reader := readers()[0]
	alone := &doctor{db: &database{table: "t"}}
	minute := func(n int) *time.Time { return aws.Time(time.Unix(int64(60*n), 0)) }
	age := func(at int, hours float64) cloudwatchtypes.Datapoint {
		return cloudwatchtypes.Datapoint{Timestamp: minute(at), Maximum: aws.Float64(hours * 3600_000)}
	}
	alias := func(version string, weights map[string]float64) finding {
		f, ok := judgeAlias("f", lambdatypes.AliasConfiguration{Name: aws.String("live"), FunctionVersion: &version, RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: weights}}, 4)
		if ok {
			f.State = stateOK
		}
		return f
	}
	streamOf := func(on bool, view dynamodbtypes.StreamViewType) finding {
		return prod.judgeStream(&dynamodbtypes.TableDescription{StreamSpecification: &dynamodbtypes.StreamSpecification{StreamEnabled: &on, StreamViewType: view}})
	}
	for name, c := range map[string]struct {
		got  finding
		want state
	}{
		"stack/complete":            {prod.judgeStack(), stateOK},
		"stack/failed":              {dev.judgeStack(), stateProblem},
		"stream/both images":        {streamOf(true, dynamodbtypes.StreamViewTypeNewAndOldImages), stateOK},
		"stream/old image":          {streamOf(true, dynamodbtypes.StreamViewTypeOldImage), stateProblem},
		"stream/keys only":          {streamOf(true, dynamodbtypes.StreamViewTypeKeysOnly), stateProblem},
		"stream/off":                {streamOf(false, ""), stateProblem},
		"stream/none":               {prod.judgeStream(&dynamodbtypes.TableDescription{}), stateProblem},
		"backups/prod without":      {prod.judgeBackups(false), stateProblem},
		"backups/dev without":       {dev.judgeBackups(false), stateOK},
		"backups/table without":     {alone.judgeBackups(false), stateProblem},
		"backups/prod with":         {prod.judgeBackups(true), stateOK},
		"protection/prod without":   {prod.judgeProtection(false), stateProblem},
		"protection/dev without":    {dev.judgeProtection(false), stateOK},
		"protection/table without":  {alone.judgeProtection(false), stateWarning},
		"mapping/enabled":           {prod.judgeMapping(reader, "u", "Enabled", "s", "s"), stateOK},
		"mapping/disabled":          {prod.judgeMapping(reader, "u", "Disabled", "s", "s"), stateProblem},
		"mapping/of another stream": {prod.judgeMapping(reader, "u", "Enabled", "s", "other"), stateProblem},
		"webhooks/fine":             {judgeWebhooks("u", "Enabled", 7, 0, "l"), stateOK},
		"webhooks/disabled":         {judgeWebhooks("u", "Disabled", 0, 0, "l"), stateProblem},
		"webhooks/dead":             {judgeWebhooks("u", "Enabled", 0, 1, "l"), stateProblem},
		"behind/no data":            {reader.judgeBehind("l", nil), stateOK},
		"behind/minutes":            {reader.judgeBehind("l", []cloudwatchtypes.Datapoint{age(9, 0.1), age(1, 20)}), stateOK},
		"behind/an hour":            {reader.judgeBehind("l", []cloudwatchtypes.Datapoint{age(1, 0), age(9, 1)}), stateWarning},
		"behind/six hours":          {reader.judgeBehind("l", []cloudwatchtypes.Datapoint{age(9, 6)}), stateProblem},
		"concurrency/new account":   {judgeConcurrency(&lambdatypes.AccountLimit{ConcurrentExecutions: 10}), stateWarning},
		"concurrency/usual":         {judgeConcurrency(&lambdatypes.AccountLimit{ConcurrentExecutions: 1000}), stateOK},
		"concurrency/unknown":       {judgeConcurrency(nil), stateNotChecked},
		"alias/newest":              {alias("4", nil), stateOK},
		"alias/older":               {alias("3", nil), stateWarning},
		"alias/two versions":        {alias("3", map[string]float64{"4": 0.1}), stateWarning},
	} {
		if c.got.State != c.want || c.got.State == stateProblem && c.got.Command == "" {
			t.Errorf("%s: got %+v, want %s, and a command for a problem", name, c.got, c.want)
		}
	}
}

// TestDoctorSubscriptions checks who receives the alarms.
func TestDoctorSubscriptions(t *testing.T) {
	t.Parallel()
	subscription := func(arn, address string) snstypes.Subscription {
		return snstypes.Subscription{SubscriptionArn: &arn, Protocol: aws.String("email"), Endpoint: &address}
	}
	confirmed, pending := subscription("arn:aws:sns:r:1:t:id", "a@example.com"), subscription("PendingConfirmation", "b@example.com")
	ended := subscription("Deleted", "c@example.com")
	for name, c := range map[string]struct {
		all  []snstypes.Subscription
		want []state
	}{
		"none":      {nil, []state{stateProblem}},
		"confirmed": {[]snstypes.Subscription{confirmed}, []state{stateOK}},
		"pending":   {[]snstypes.Subscription{pending}, []state{stateProblem}},
		"ended":     {[]snstypes.Subscription{ended}, []state{stateProblem}},
		"both":      {[]snstypes.Subscription{confirmed, pending}, []state{stateProblem, stateOK}},
	} {
		var got []state
		for _, f := range judgeSubscriptions("topic", c.all) {
			got = append(got, f.State)
			if f.State == stateProblem && !strings.HasPrefix(f.Command, "aws sns subscribe --topic-arn topic --protocol email --notification-endpoint ") {
				t.Errorf("%s: got the command %q", name, f.Command)
			}
		}
		if len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1] {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
