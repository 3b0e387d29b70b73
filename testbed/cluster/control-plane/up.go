package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

//go:embed stages.yaml
var stages []byte

//go:embed audit.yaml
var audit []byte

const (
	startLimit = 60 * time.Second
	jsonBody   = "application/json"
	applyBody  = "application/apply-patch+yaml"
)

func init() {
	// A child is killed when the thread that started it ends: this one lasts as long as the process.
	runtime.LockOSThread()
}

// Starts a control plane on free ports of the loopback address, in a folder of its own, and prints one line:
//
//	{"kubeconfig":"…","folder":"…"}
//
// Then it takes orders from its input, one a line, and answers each with `done` or `error: …`:
//
//	kill COMPONENT      as kill -9 does
//	start COMPONENT     once more, with the same flags, and waits until it is ready
//
// The end of its input, or its own death, ends all of it, and the folder is removed where that is possible.
func up(arguments []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	rollouts := flags.Bool("rollouts", false, "with the controller of Argo Rollouts")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "stillme-testbed-cluster-")
	if err != nil {
		return err
	}
	plane := &controlPlane{folder: folder}
	err = plane.start(*rollouts)
	if err == nil {
		err = plane.serve(os.Stdin, os.Stdout)
	}
	plane.stop()
	if err == nil {
		err = os.RemoveAll(folder)
	}
	return err
}

type controlPlane struct {
	folder     string
	server     string
	client     *http.Client
	components []*component
}

func (p *controlPlane) start(rollouts bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(self), name) }
	ports, err := freePorts(8)
	if err != nil {
		return err
	}
	p.server = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	if err := p.prepare(); err != nil {
		return err
	}
	inOrder := []*component{
		etcdOf(self, p.folder, ports[0], ports[1]),
		apiserverOf(self, p.folder, ports[0], ports[2]),
		controllersOf(self, p.folder, ports[3]),
		schedulerOf(self, p.folder, ports[4]),
		kwokOf(beside("kwok"), p.folder, ports[5]),
	}
	if rollouts {
		inOrder = append(inOrder, rolloutsOf(beside("rollouts-controller"), p.folder, ports[6], ports[7]))
	}
	p.components = inOrder
	for _, component := range inOrder {
		if component.name == "rollouts-controller" {
			if err := p.prepareRollouts(beside("../crds")); err != nil {
				return err
			}
		}
		if err := p.startOne(component); err != nil {
			return err
		}
	}
	return p.awaitNodes()
}

func (p *controlPlane) startOne(component *component) error {
	if err := component.start(); err != nil {
		return err
	}
	if component.name == "kube-apiserver" {
		return component.until("ready", startLimit, func() bool { return p.answers("GET", "/readyz", "", nil) })
	}
	return nil
}

// Certificates, kubeconfigs, and the files that components read.
func (p *controlPlane) prepare() error {
	ca, err := newAuthority(p.folder, "ca")
	if err != nil {
		return err
	}
	for _, who := range []identity{
		{file: "apiserver", name: "kube-apiserver", server: true},
		{file: "admin", name: "admin", groups: []string{"system:masters"}},
		{file: "up", name: "testbed:up", groups: []string{"system:masters"}},
		{file: "controllers", name: "system:kube-controller-manager"},
		{file: "scheduler", name: "system:kube-scheduler"},
		{file: "kwok", name: "testbed:kwok", groups: []string{"system:masters"}},
		{file: "rollouts", name: "testbed:rollouts", groups: []string{"system:masters"}},
	} {
		if err := ca.issue(who); err != nil {
			return err
		}
		if who.server {
			continue
		}
		if _, err := writeKubeconfig(p.folder, who.file, p.server); err != nil {
			return err
		}
	}
	if err := writeServiceAccountKeys(p.folder); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.folder, "stages.yaml"), stages, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.folder, "audit.yaml"), audit, 0o600); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(p.folder, "up.crt"), filepath.Join(p.folder, "up.key"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	p.client = &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}},
	}
	return nil
}

// The definitions of Argo Rollouts, and the namespace that its controller is in.
func (p *controlPlane) prepareRollouts(folder string) error {
	if err := p.must("POST", "/api/v1/namespaces", jsonBody, []byte(`{"metadata":{"name":"argo-rollouts"}}`)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*-crd.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no definitions of Argo Rollouts in %s: %v", folder, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		// The name stands in `metadata`, two columns in.
		_, after, found := strings.Cut(string(content), "\n  name: ")
		name, _, ended := strings.Cut(after, "\n")
		if !found || !ended {
			return fmt.Errorf("%s has no name", file)
		}
		path := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + name
		if err := p.must("PATCH", path+"?fieldManager=testbed", applyBody, content); err != nil {
			return err
		}
		established := func() bool {
			return strings.Contains(p.body("GET", path), `"type":"Established"`)
		}
		if err := p.components[1].until("serving "+name, startLimit, established); err != nil {
			return err
		}
	}
	return nil
}

// The nodes on which pods are; several, for DaemonSets.
var nodes = []string{"node-1", "node-2", "node-3"}

// Nodes, and what pods need before they can be made.
func (p *controlPlane) awaitNodes() error {
	for _, name := range nodes {
		body := []byte(`{"metadata":{"name":"` + name + `"}}`)
		if err := p.must("POST", "/api/v1/nodes", jsonBody, body); err != nil {
			return err
		}
	}
	for _, name := range nodes {
		if err := p.awaitNode(name); err != nil {
			return err
		}
	}
	return p.components[2].until("ready with service accounts", startLimit, func() bool {
		return p.answers("GET", "/api/v1/namespaces/default/serviceaccounts/default", "", nil)
	})
}

func (p *controlPlane) awaitNode(name string) error {
	return p.components[4].until("ready with "+name, startLimit, func() bool {
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if json.Unmarshal([]byte(p.body("GET", "/api/v1/nodes/"+name)), &node) != nil {
			return false
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				return true
			}
		}
		return false
	})
}

func (p *controlPlane) serve(orders io.Reader, answers io.Writer) error {
	line, err := json.Marshal(map[string]string{
		"kubeconfig": filepath.Join(p.folder, "admin.kubeconfig"),
		"folder":     p.folder,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(answers, string(line))
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		if err := p.order(lines.Text()); err != nil {
			fmt.Fprintln(answers, "error:", err)
		} else {
			fmt.Fprintln(answers, "done")
		}
	}
	return lines.Err()
}

func (p *controlPlane) order(line string) error {
	verb, name, _ := strings.Cut(line, " ")
	for _, component := range p.components {
		if component.name != name {
			continue
		}
		switch verb {
		case "kill":
			component.kill()
			return nil
		case "start":
			return p.startOne(component)
		}
	}
	return fmt.Errorf("no such order: %q", line)
}

// The API server before etcd: without its store it would hang.
func (p *controlPlane) stop() {
	for index := len(p.components) - 1; index >= 0; index-- {
		p.components[index].kill()
	}
}

func (p *controlPlane) answers(method, path, kind string, body []byte) bool {
	return p.must(method, path, kind, body) == nil
}

func (p *controlPlane) body(method, path string) string {
	_, body, err := p.request(method, path, "", nil)
	if err != nil {
		return ""
	}
	return body
}

func (p *controlPlane) must(method, path, kind string, body []byte) error {
	status, text, err := p.request(method, path, kind, body)
	if err == nil && status >= 300 {
		err = fmt.Errorf("%s %s: %d %s", method, path, status, text)
	}
	return err
}

func (p *controlPlane) request(method, path, kind string, body []byte) (int, string, error) {
	request, err := http.NewRequest(method, p.server+path, strings.NewReader(string(body)))
	if err != nil {
		return 0, "", err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// Ports below those that the kernel gives to clients, so that none is taken before it is used.
func freePorts(count int) ([]int, error) {
	var ports []int
	for try := 0; try < 1000 && len(ports) < count; try++ {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close()
		ports = append(ports, port)
	}
	if len(ports) < count {
		return nil, fmt.Errorf("no %d free ports between 20000 and 32000", count)
	}
	return ports, nil
}
