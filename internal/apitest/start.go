package apitest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// Start runs the API in this process for an example, which has no testing.TB.
// It returns the base URL, a user's access token, and the function that stops
// the server. It panics if the server can't start.
func Start() (url, accessToken string, stop func()) {
	ctx := context.Background()
	kit, err := dynamotest.Start(ctx)
	if err != nil {
		panic(err)
	}
	users := &token.UserService{Store: kit.Store, Now: time.Now}
	_, at, err := users.Create(ctx, "example", token.RoleUser, 0)
	if err != nil {
		kit.Engine.Stop()
		panic(err)
	}
	server := httptest.NewServer(Handler(kit, io.Discard))
	return server.URL, at.Reveal(), func() {
		server.Close()
		kit.Engine.Stop()
	}
}

// Handler serves the whole API, and the pages given, from a kit's table. It
// writes its log lines to log.
func Handler(kit *dynamotest.Kit, log io.Writer, pages ...api.Route) http.Handler {
	return HandlerWith(kit, log, webhook.Rules{Loopback: true}, time.Now, pages...) // where the receivers of tests are
}

// HandlerWith is Handler with other rules for the URLs of webhooks, or another clock.
func HandlerWith(kit *dynamotest.Kit, log io.Writer, rules webhook.Rules, now func() time.Time, pages ...api.Route) http.Handler {
	services := api.Services{
		Tokens: &token.Service{Store: kit.Store, Now: now}, Keys: gate.New(kit.Store, gate.WithUseRecords(), gate.WithClock(now)), History: kit.Store, Trail: kit.Store,
		Webhooks: &webhook.Service{Store: kit.Store, Now: now, Rules: rules, Send: delivery.NewClient(rules, delivery.TestTimeout, now).Send},
	}
	return api.New(services, slog.New(slog.NewJSONHandler(log, nil)), append(api.Routes(), pages...)...)
}
