// Command infra is the CDK app. The cdk command starts it, as cdk.json says,
// and it writes the CloudFormation template of one stage or of all stages, with
// the settings of stages.json.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(getenv func(string) string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("node is missing, and CDK needs it: install Node.js 20.19 or newer")
	}
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	chosen, err := stack.Choose(setting(app, "stage", getenv("STAGE")))
	if err != nil {
		return err
	}
	all, err := stages.Read(setting(app, "stages", "stages.json")) // cdk starts this program in infra/
	if err != nil {
		return err
	}
	if err := refuseOldSettings(app, getenv); err != nil {
		return err
	}
	allowed, err := stages.ParseAllowed(setting(app, "allow", ""))
	if err != nil {
		return err
	}
	for _, stage := range chosen {
		settings := all[stage.Name]
		if allowed.Account {
			settings.Account, settings.Region = "", ""
		}
		settings.Account = cmp.Or(settings.Account, getenv("CDK_DEFAULT_ACCOUNT")) // cdk sets these
		settings.Region = cmp.Or(settings.Region, getenv("CDK_DEFAULT_REGION"))
		made, err := stack.New(app, stage, stack.Options{Build: setting(app, "build", "../build"), Settings: settings})
		if err != nil {
			return err
		}
		if stage.Alarms && len(settings.AlarmEmails) == 0 {
			awscdk.Annotations_Of(made).AddWarningV2(jsii.String("latchkey:nobody-is-told"),
				jsii.String("Stage "+stage.Name+" has alarms but tells nobody: set alarmEmails in infra/stages.json."))
		}
	}
	app.Synth(nil)
	return nil
}

// refuseOldSettings returns an error if a setting comes from where it was read
// before stages.json had it. Ignoring it could lead a stage to another table.
func refuseOldSettings(app awscdk.App, getenv func(string) string) error {
	const now = ": set it in infra/stages.json, which every deployment reads"
	if getenv("ALARM_EMAILS") != "" {
		return errors.New("the environment variable ALARM_EMAILS is now alarmEmails" + now)
	}
	for _, name := range []string{"table", "tableStream", "upstream"} {
		if setting(app, name, "") != "" {
			return fmt.Errorf("-c %s=… is not read any more%s", name, now)
		}
	}
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
