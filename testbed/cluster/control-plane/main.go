// The control plane that tests run against: etcd and three components of Kubernetes in one program.
//
//	control-plane up [--rollouts] [--etcd-delay ...]   starts all of it and waits, see up.go
//	control-plane COMPONENT [FLAG...]                  runs one, with its own flags
//
// Each component is a process of its own: they share global feature gates and can't share a process.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	// CronJobs have time zones, and the machine may have no list of them.
	_ "time/tzdata"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	name := os.Args[1]
	// A component reads its flags from here.
	os.Args = append([]string{name}, os.Args[2:]...)
	switch name {
	case "up":
		if err := up(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "control-plane:", err)
			os.Exit(1)
		}
	case "etcd":
		if err := etcd(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			os.Exit(1)
		}
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		run(controllers.NewControllerManagerCommand())
	case "kube-scheduler":
		run(scheduler.NewSchedulerCommand())
	default:
		usage()
	}
}

func run(command *cobra.Command) {
	os.Exit(cli.Run(command))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: control-plane up [--rollouts] | etcd | kube-apiserver | kube-controller-manager | kube-scheduler")
	os.Exit(2)
}
