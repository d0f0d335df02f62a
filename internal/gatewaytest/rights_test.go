package gatewaytest_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/gatewaytest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestRights runs every function with the rights that its role has in the
// template, and no others, and sends it requests for all that it does with the
// table. A right that is missing and one that no request needs both fail the
// test: an action on a partition.
func TestRights(t *testing.T) {
	built := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./functions/...")
	text, err := os.ReadFile("../../infra/stack/testdata/upstream/dev.template.json") // has all functions
	if err != nil {
		t.Fatal(err)
	}
	stack, err := gatewaytest.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	kit := dynamotest.New(t)
	gateway := gatewaytest.Start(t, stack, gatewaytest.GreedyTakesEmpty, built, kit)
	processes := gateway.Processes()
	// A path with a slash at its end reaches other functions than the one without,
	// depending on how AWS reads it.
	for _, reading := range []struct {
		slash  gatewaytest.Slash
		ending string
	}{{gatewaytest.GreedyTakesEmpty, ""}, {gatewaytest.GreedyTakesEmpty, "/"}, {gatewaytest.GreedyNeedsRest, "/"}} {
		t.Run(fmt.Sprintf("requests%s/%v", reading.ending, reading.slash), func(t *testing.T) {
			sendRequests(t, newCaller(t, kit, gateway.With(reading.slash), reading.ending))
		})
	}
	for _, f := range stack.Functions {
		a := newAccount(t)
		call := map[string]func(*testing.T, *gatewaytest.Process, *caller){
			api.Authorizer: authorizeKeys, api.Purge: purgeToken, api.ModelGateway: completeChats,
			api.History: func(t *testing.T, p *gatewaytest.Process, c *caller) {
				foldCharge(t, p)
				publishChange(t, p, c, a)
				fileTimers(t, p, a)
			},
			api.Deliver: func(t *testing.T, p *gatewaytest.Process, c *caller) { deliverWebhook(t, p, c, a) },
		}[f.Folder]
		if call == nil {
			continue
		}
		upstream := newUpstream(t)
		p := gatewaytest.StartFunction(t, f, built, kit, "UPSTREAM_URL="+upstream, "UPSTREAM_KEY_PARAMETER=",
			"EVENT_BUS=latchkey-dev", "WEBHOOK_QUEUE_URL=https://sqs.test/1/queue", "AWS_ENDPOINT_URL="+a.url)
		processes = append(processes, p)
		t.Run(f.Folder, func(t *testing.T) { call(t, p, newCaller(t, kit, nil, "")) })
	}
	if got, want := len(processes), len(stack.Functions); got != want {
		t.Errorf("got %d functions, want all %d of the stack", got, want)
	}
	for _, p := range processes {
		for _, right := range p.Guard.Unused() {
			t.Errorf("the role of %s allows %s, which no request of this test needs", p.Name, right)
		}
	}
}
