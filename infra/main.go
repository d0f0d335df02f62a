// Command infra is the CDK app. The cdk command starts it, as cdk.json says,
// and it writes the CloudFormation template of one stage or of all stages.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/stack"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(getenv func(string) string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("node is missing, and CDK needs it: install Node.js 22 or newer")
	}
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stages, err := stack.Choose(setting(app, "stage", getenv("STAGE")))
	if err != nil {
		return err
	}
	upstreamSettings := map[string]string{}
	for name, variable := range stack.UpstreamContext() {
		if value := setting(app, name, ""); value != "" {
			upstreamSettings[variable] = value
		}
	}
	for _, stage := range stages {
		if _, err := stack.New(app, stage, stack.Options{
			Build:            setting(app, "build", "../build"), // cdk starts this program in infra/
			Table:            setting(app, "table", ""),
			TableStream:      setting(app, "tableStream", ""),
			Upstream:         setting(app, "upstream", ""),
			UpstreamKey:      setting(app, "upstreamKeyParameter", ""),
			UpstreamSettings: upstreamSettings,
			Account:          getenv("CDK_DEFAULT_ACCOUNT"),
			Region:           getenv("CDK_DEFAULT_REGION"),
			AlarmEmails:      strings.FieldsFunc(getenv("ALARM_EMAILS"), func(r rune) bool { return strings.ContainsRune(", ", r) }),
		}); err != nil {
			return err
		}
	}
	app.Synth(nil)
	return nil
}

// setting returns the value that `cdk -c name=value` sets, or fallback if it
// sets none.
func setting(app awscdk.App, name, fallback string) string {
	if value, ok := app.Node().TryGetContext(jsii.String(name)).(string); ok {
		return value
	}
	return fallback
}
