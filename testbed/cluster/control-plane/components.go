package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// One program of the control plane: how it is started, and the process while it runs.
type component struct {
	name      string
	program   string
	arguments []string
	folder    string
	process   *exec.Cmd
	ended     chan struct{}
}

// Starts it with its output in a log of its own. It is killed when this process ends, however it does.
func (c *component) start() error {
	log, err := os.OpenFile(filepath.Join(c.folder, c.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c.process = exec.Command(c.program, c.arguments...)
	c.process.Dir = c.folder
	c.process.Stdout, c.process.Stderr = log, log
	c.process.Env = append(os.Environ(), "POD_NAMESPACE=argo-rollouts")
	c.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	ended := make(chan struct{})
	c.ended = ended
	process := c.process
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	return nil
}

func (c *component) kill() {
	if c.process != nil && c.process.Process != nil {
		_ = c.process.Process.Kill()
		<-c.ended
	}
}

// Awaits a condition; the component's end is its failure.
func (c *component) until(what string, limit time.Duration, holds func() bool) error {
	deadline := time.Now().Add(limit)
	for !holds() {
		select {
		case <-c.ended:
			return fmt.Errorf("%s ended before it was %s: see %s", c.name, what, filepath.Join(c.folder, c.name+".log"))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s was not %s within %s: see %s", c.name, what, limit, filepath.Join(c.folder, c.name+".log"))
		}
	}
	return nil
}

const controllerNames = "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,job-controller," +
	"cronjob-controller,endpoints-controller,endpointslice-controller,namespace-controller,garbage-collector-controller," +
	"horizontal-pod-autoscaler-controller,disruption-controller,serviceaccount-controller,replicationcontroller-controller," +
	"persistentvolume-binder-controller,root-ca-certificate-publisher-controller,resourcequota-controller"

func etcdOf(self, folder string, client, peer int) *component {
	return &component{name: "etcd", program: self, folder: folder, arguments: []string{
		"etcd", "--data-dir", filepath.Join(folder, "etcd"),
		"--client-url", fmt.Sprintf("http://127.0.0.1:%d", client),
		"--peer-url", fmt.Sprintf("http://127.0.0.1:%d", peer),
	}}
}

func apiserverOf(self, folder string, etcd, port int) *component {
	file := func(name string) string { return filepath.Join(folder, name) }
	return &component{name: "kube-apiserver", program: self, folder: folder, arguments: []string{
		"kube-apiserver",
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcd),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"),
		"--client-ca-file=" + file("ca.crt"),
		"--service-account-key-file=" + file("service-accounts.pub"),
		"--service-account-signing-key-file=" + file("service-accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC",
		// A loopback address is refused as an endpoint of the service `kubernetes`.
		"--endpoint-reconciler-type=none",
		// Without these the controllers log an error every 5 s.
		"--requestheader-client-ca-file=" + file("ca.crt"),
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-allowed-names=front-proxy",
		// Only a controller that does not run here takes the taint off again.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--profiling=false",
		"--audit-policy-file=" + file("audit.yaml"),
		"--audit-log-path=" + file("audit.log"),
		"--audit-log-mode=blocking",
	}}
}

func controllersOf(self, folder string, port int) *component {
	kubeconfig := filepath.Join(folder, "controllers.kubeconfig")
	return &component{name: "kube-controller-manager", program: self, folder: folder, arguments: []string{
		"kube-controller-manager",
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--leader-elect=false",
		"--service-account-private-key-file=" + filepath.Join(folder, "service-accounts.key"),
		"--root-ca-file=" + filepath.Join(folder, "ca.crt"),
		"--use-service-account-credentials=true",
		"--controllers=" + controllerNames,
		// With the default of 20 requests a second, a hundred rollouts take 49 s, whoever asks for them.
		"--kube-api-qps=2000", "--kube-api-burst=4000",
	}}
}

func schedulerOf(self, folder string, port int) *component {
	kubeconfig := filepath.Join(folder, "scheduler.kubeconfig")
	return &component{name: "kube-scheduler", program: self, folder: folder, arguments: []string{
		"kube-scheduler",
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--leader-elect=false",
		"--kube-api-qps=2000", "--kube-api-burst=4000",
	}}
}

func kwokOf(program, folder string, port int) *component {
	return &component{name: "kwok", program: program, folder: folder, arguments: []string{
		"--kubeconfig=" + filepath.Join(folder, "kwok.kubeconfig"),
		"--config=" + filepath.Join(folder, "stages.yaml"),
		"--manage-all-nodes=true",
		"--node-ip=127.0.0.1", "--cidr=10.244.0.0/16",
		fmt.Sprintf("--server-address=127.0.0.1:%d", port),
	}}
}

func rolloutsOf(program, folder string, metrics, health int) *component {
	return &component{name: "rollouts-controller", program: program, folder: folder, arguments: []string{
		"--kubeconfig=" + filepath.Join(folder, "rollouts.kubeconfig"),
		"--leader-elect=false",
		fmt.Sprintf("--metricsPort=%d", metrics), fmt.Sprintf("--healthzPort=%d", health),
	}}
}
