package main

import (
	"bytes"
	"embed"
	"encoding/base64"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*"))

// write fills in a template and writes it to a path below the state folder.
// What is not in values is in the constants of cluster.go.
func (c *cluster) write(name, path string, values map[string]any) error {
	all := map[string]any{
		"Dir": c.Dir, "NodeIP": c.NodeIP, "NodeName": nodeName, "CRISocket": c.criSocket(),
		"PodCIDR": podCIDR, "DNSService": dnsService, "DNSDomain": dnsDomain,
	}
	for k, v := range values {
		all[k] = v
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, all); err != nil {
		return err
	}
	path = c.path(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// writeKubeconfig writes NAME.kubeconfig with the certificates inside, so that
// the file can be copied elsewhere.
func (c *cluster) writeKubeconfig(name string) error {
	values := map[string]any{"Server": c.apiServer()}
	for key, file := range map[string]string{"CA": "ca.crt", "Cert": name + ".crt", "Key": name + ".key"} {
		content, err := os.ReadFile(c.pki(file))
		if err != nil {
			return err
		}
		values[key] = base64.StdEncoding.EncodeToString(content)
	}
	return c.write("kubeconfig", name+".kubeconfig", values)
}
